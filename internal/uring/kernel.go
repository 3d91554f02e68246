package uring

// This file is what the kernel's header says, and golang.org/x/sys has not.
const (
	opSend = 26

	enterGetEvents = 1 << 0

	offsetRings   = 0
	offsetEntries = 0x10000000

	featSingleMmap = 1 << 0 // Linux 5.4
	featNoDrop     = 1 << 1 // Linux 5.5: completions that find no place are kept
)

type sqOffsets struct {
	head, tail, ringMask, ringEntries, flags, dropped, array, resv1 uint32
	userAddr                                                        uint64
}

type cqOffsets struct {
	head, tail, ringMask, ringEntries, overflow, cqes, flags, resv1 uint32
	userAddr                                                        uint64
}

type params struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFd uint32
	resv                                                                   [3]uint32
	sq                                                                     sqOffsets
	cq                                                                     cqOffsets
}

type sqe struct {
	opcode, flags         uint8
	ioprio                uint16
	fd                    int32
	off                   uint64
	addr                  uint64
	len                   uint32
	msgFlags              uint32
	userData              uint64
	bufIndex, personality uint16
	spliceFD              int32
	_                     [2]uint64
}

type cqe struct {
	userData uint64
	res      int32
	flags    uint32
}
