/* Boost.Fiber behind C functions, named and meant as those of bench/task.h.
 * No exception leaves them; what cannot be made for want of memory ends the
 * process, except where an error is returned. */
#ifndef GREENBENCH_BOOST_FIBER_H
#define GREENBENCH_BOOST_FIBER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define BF_NOTHROW noexcept
extern "C" {
#else
#define BF_NOTHROW
#endif

struct bf_group;
struct bf_sem;
struct bf_mutex;
struct bf_chan;

/* wait also frees the group's memory; the next spawn makes it again. */
struct bf_group *bf_group_new(void) BF_NOTHROW;
int bf_group_spawn(struct bf_group *g, void (*fn)(void *), void *arg, size_t stack) BF_NOTHROW;
void bf_group_wait(struct bf_group *g) BF_NOTHROW;

void bf_yield(void) BF_NOTHROW;
void bf_sleep_until(int64_t ns) BF_NOTHROW;

struct bf_sem *bf_sem_new(unsigned count) BF_NOTHROW;
void bf_sem_wait(struct bf_sem *s) BF_NOTHROW;
void bf_sem_post(struct bf_sem *s) BF_NOTHROW;
void bf_sem_free(struct bf_sem *s) BF_NOTHROW;

struct bf_mutex *bf_mutex_new(void) BF_NOTHROW;
void bf_mutex_lock(struct bf_mutex *m) BF_NOTHROW;
void bf_mutex_unlock(struct bf_mutex *m) BF_NOTHROW;
void bf_mutex_free(struct bf_mutex *m) BF_NOTHROW;

/* Elements of 8 or 16 bytes, as all workloads send; NULL for other sizes. */
struct bf_chan *bf_chan_new(size_t elem_size, size_t capacity) BF_NOTHROW;
int bf_chan_send(struct bf_chan *ch, const void *elem) BF_NOTHROW;
int bf_chan_recv(struct bf_chan *ch, void *elem) BF_NOTHROW;
void bf_chan_close(struct bf_chan *ch) BF_NOTHROW;
void bf_chan_free(struct bf_chan *ch) BF_NOTHROW;

#ifdef __cplusplus
}
#endif

#endif
