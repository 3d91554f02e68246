package gateway

const crampedEnv = "X"

func serveCramped() int { return 0 }
