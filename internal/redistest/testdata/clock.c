// A clock that is set by a file: CLOCK_AHEAD names one that has the seconds by which it is ahead. Loaded into
// redis-server by LD_PRELOAD, see clock.go. The file is read at most once in some milliseconds of elapsed time.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long ahead(void) {
  static __thread long seconds, read_at;
  struct timespec now;
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  long millis = now.tv_sec * 1000 + now.tv_nsec / 1000000;
  if (millis - read_at >= 5) {
    read_at = millis;
    FILE *file = fopen(getenv("CLOCK_AHEAD"), "r");
    if (file != NULL) {
      if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
      fclose(file);
    }
  }
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  int failed = syscall(SYS_clock_gettime, clock, at);
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += ahead();
  return failed;
}

int gettimeofday(struct timeval *at, void *zone) {
  int failed = syscall(SYS_gettimeofday, at, zone);
  if (failed == 0) at->tv_sec += ahead();
  return failed;
}

time_t time(time_t *at) {
  struct timeval now;
  gettimeofday(&now, NULL);
  if (at != NULL) *at = now.tv_sec;
  return now.tv_sec;
}
