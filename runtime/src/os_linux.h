/* Everything the runtime asks of the kernel. os_linux.c and os_linux_pages.c are
 * the only files of the runtime with raw system calls; another system would
 * supply these. */
#ifndef GTI_OS_LINUX_H
#define GTI_OS_LINUX_H

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>

#include "base.h"

/* CLOCK_MONOTONIC, ns. */
int64_t gti_os_now(void);

/* Sleep while *word == value, until woken or `deadline` (absolute ns,
 * INT64_MAX: none). May return early; callers loop. */
void gti_os_futex_wait(uint32_t *word, uint32_t value, int64_t deadline);
void gti_os_futex_wake(uint32_t *word, int count);

/* Start an OS thread with `blocked` signals; 0 or -errno. */
int gti_os_thread_create(pthread_t *ret, size_t stack, const sigset_t *blocked, void *(*fn)(void *),
                         void *arg);
/* Let timeouts of the calling thread end when they are due; otherwise the kernel
 * takes up to 50 us more, to wake several threads at once. */
void gti_os_thread_punctual(void);
/* The calling thread, for gti_os_thread_slice(). */
int32_t gti_os_thread_id(void);
/* How long a thread of this process may run while others wait for its CPU, ns;
 * 0: as the kernel likes it. Its share of the CPU stays the same, but a thread
 * that wakes takes the place of one with a longer slice. A hint: without effect
 * before Linux 6.12, where a sandbox forbids it, and on real-time threads. */
#define GTI_SLICE_SHORT INT64_C(100000) /* the shortest and the longest there are */
#define GTI_SLICE_LONG  INT64_C(100000000)
void gti_os_thread_slice(int32_t thread, int64_t ns);
/* Threads of this process; 0 if that cannot be known. */
int gti_os_thread_count(void);

/* Make every running thread of the process pass a full fence; some 15 us.
 * Only if gti_os_has_membarrier(), which finds out at its first call. */
bool gti_os_has_membarrier(void);
void gti_os_membarrier(void);

/* Wait for events or `deadline` (absolute ns; 0: do not wait, INT64_MAX: none).
 * Returns the number of events, 0 also when interrupted. */
int gti_os_epoll_wait(int fd, struct epoll_event *events, int max, int64_t deadline);
/* poll(2) of one descriptor; 0 when the deadline passed, or -errno. */
int gti_os_poll(struct pollfd *p, int64_t deadline);

/* Let another OS thread run. */
void gti_os_thread_yield(void);

/* CPUs this process may use: affinity mask, and the cgroup's quota rounded
 * up (v1 and v2). At least 1. */
int gti_os_cpu_count(void);

/* Reserve `bytes` of zeroed, private, uncommitted address space aligned to
 * `align` (a power of two, at least a page); NULL when refused. Never backed
 * by huge pages: one touched word would commit 2 MiB. */
void *gti_os_reserve(size_t bytes, size_t align);
void gti_os_release(void *base, size_t bytes);
/* The same, but backed by huge pages where there are any, aligned to their
 * size of 2 MiB, and with a guard page below. */
void *gti_os_reserve_huge(size_t bytes);
void gti_os_release_huge(void *base, size_t bytes);
/* Huge pages are welcome in this range, which starts at one. */
void gti_os_prefer_huge(void *base, size_t bytes);
/* Drop the pages; they read as zero afterwards. Guards stay. */
void gti_os_drop(void *base, size_t bytes);
/* Make one page at each of `count` addresses resident, a batch by one system
 * call if the kernel allows it. They must hold nothing but zeros. */
void gti_os_populate(char *const *at, unsigned count);
/* Which pages are resident: the lowest bit of a byte for each. False when the
 * system does not say. */
bool gti_os_resident(void *base, size_t bytes, unsigned char *ret_vec);
/* Page faults of this process so far, modulo 2^32. */
uint32_t gti_os_page_faults(void);
#define GTI_HUGE_PAGE ((size_t)2 << 20)
size_t gti_os_page_size(void);
/* Bytes of memory that the process may use, by the machine and its cgroup. */
uint64_t gti_os_memory(void);
/* Copy memory that may not be there; returns how much was. */
size_t gti_os_peek(void *to, const void *from, size_t bytes);

/* Does MADV_GUARD_INSTALL work here? Tried out once, on a page of its own. */
bool gti_os_has_guard_advice(void);
/* Make one page at each of base, base + stride, ... fault on touch, without
 * splitting the mapping. 0 or -errno. */
int gti_os_guard_advise(char *base, size_t stride, unsigned count);
/* Open what gti_os_guard_advise() and gti_os_populate() need, before there are
 * tasks: later it could get the number of a descriptor that one has just closed,
 * and another, which is about to wait for that, would wait for ours. */
void gti_os_guards_begin(void);
/* Close it. */
void gti_os_guards_end(void);
/* The same by mprotect: each guard splits the mapping, and the number of
 * mappings is limited (vm.max_map_count). */
int gti_os_guard_protect(char *base, size_t stride, unsigned count);

#endif
