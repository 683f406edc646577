/* Small readers of /proc and cgroup files. */
#ifndef GREENBENCH_PROCFILE_H
#define GREENBENCH_PROCFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROCFILE_MAX = 16384 };

/* Reads a file as text. Bytes read, or -errno; what exceeds the buffer is cut. */
int procfile_read(const char *path, char *text, size_t size);

/* The first number after `key` at the start of a line, times 1024 if "kB"
 * follows. False when there is none. */
bool procfile_value(const char *text, const char *key, uint64_t *ret_value);

/* A file that holds one number. "max" and anything unreadable: false. */
bool procfile_number(const char *path, uint64_t *ret_value);

/* The directory of this process's cgroup, for a v1 controller ("memory",
 * "pids") or, with controller NULL, of the unified hierarchy. `proc_cgroup`
 * is the text of /proc/self/cgroup. False when there is no such line or the
 * path does not fit. */
bool procfile_cgroup(const char *proc_cgroup, const char *controller, char *path, size_t size);

#endif
