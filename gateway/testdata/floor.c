/* The floor: what a write(2) costs a program that does nothing else.
 *
 * The sockets to write to are inherited as descriptors 3, 4, ...: argv[1] of them. It
 * writes one text frame of argv[3] bytes to each, argv[2] times over with 10 ms between
 * them, and prints the CPU time of a write in nanoseconds and how many writes the kernel
 * did not take.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static double cpu_ns(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	int sockets = atoi(argv[1]), sweeps = atoi(argv[2]), size = atoi(argv[3]);
	char frame[65536];
	long refused = 0;

	/* An unmasked text frame with a 16-bit length (RFC 6455 section 5.2). */
	memset(frame, 'x', sizeof frame);
	frame[0] = (char)0x81;
	frame[1] = 126;
	frame[2] = (char)((size - 4) >> 8);
	frame[3] = (char)((size - 4) & 0xff);

	double before = cpu_ns();
	for (int s = 0; s < sweeps; s++) {
		for (int i = 0; i < sockets; i++)
			if (write(3 + i, frame, size) != size)
				refused++;
		usleep(10 * 1000);
	}
	printf("%.0f %ld\n", (cpu_ns() - before) / sweeps / sockets, refused);
	return 0;
}
