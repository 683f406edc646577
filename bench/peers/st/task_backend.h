/* bench/task.h on State Threads 1.9: cooperative tasks on one OS thread, an
 * optional peer to check the others against.
 *
 * The library offers threads, condition variables, mutexes and sleep. A group
 * counts its members and waits on a condition variable, which is cheaper than
 * a join of each; channels and semaphores are built on condition variables;
 * nothing needs a lock, since a task is only left where it waits. There is no
 * call that yields: st_usleep(0), which goes through the library's event
 * loop, is the documented substitute.
 */
#ifndef GREENBENCH_TASK_BACKEND_H
#define GREENBENCH_TASK_BACKEND_H

#include <errno.h>
#include <st.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TASK_BACKEND_NAME    "st"
#define TASK_CAN_BLOCK       1
#define TASK_REMEDY_OPTIONAL 0
#define TASK_BLOCKING_CALLS  0
#define TASK_STACK_POLICY    ""
#define TASK_STACK_BYTES     0

typedef struct {
    unsigned alive;
    st_cond_t empty;
} task_group;

typedef struct {
    unsigned count;
    st_cond_t raised;
} task_sem;

typedef st_mutex_t task_mutex;

static inline int task_main(const struct task_config *config, void (*root)(void *), void *arg)
{
    if (config->ncpu != 1)
        return -ENOSYS;
    if (st_init() != 0)
        return -errno;
    root(arg);
    return 0;
}

/* --- groups --------------------------------------------------------------- */

/* What a new task must know; reused, because a malloc() for each would be
 * charged to the library. */
struct task_st_start {
    void (*fn)(void *);
    void *arg;
    task_group *group;
    struct task_st_start *next;
};

static struct task_st_start *task_st_idle;

static inline void *task_st_run(void *arg)
{
    struct task_st_start *start = arg;
    task_group *group = start->group;
    void (*fn)(void *) = start->fn;
    void *fn_arg = start->arg;

    start->next = task_st_idle;
    task_st_idle = start;
    fn(fn_arg);
    if (--group->alive == 0)
        st_cond_signal(group->empty);
    return NULL;
}

static inline void task_group_init(task_group *g)
{
    *g = (task_group){.empty = st_cond_new()};
}

static inline int task_group_spawn(task_group *g, void (*fn)(void *), void *arg,
                                   const struct task_attr *attr)
{
    struct task_st_start *start = task_st_idle;

    if (start)
        task_st_idle = start->next;
    else if (!(start = malloc(sizeof *start)))
        return -ENOMEM;
    *start = (struct task_st_start){.fn = fn, .arg = arg, .group = g};
    g->alive++;
    if (st_thread_create(task_st_run, start, 0, attr ? (int)attr->stack_bytes : 0))
        return 0;
    g->alive--;
    start->next = task_st_idle;
    task_st_idle = start;
    return -ENOMEM;
}

static inline int task_group_reap(task_group *g)
{
    (void)g;
    return -ECHILD;
}

static inline void task_group_wait(task_group *g)
{
    while (g->alive)
        st_cond_wait(g->empty);
}

/* --- waiting -------------------------------------------------------------- */

static inline void task_yield(void)
{
    st_usleep(0);
}

static inline void task_sleep_until(int64_t ns)
{
    struct timespec now;
    int64_t left;

    clock_gettime(CLOCK_MONOTONIC, &now);
    left = ns - ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
    st_usleep(left > 0 ? (st_utime_t)(left + 999) / 1000 : 0);
}

/* One OS thread: whatever blocks it blocks them all. */
static inline void task_blocking(void (*fn)(void *), void *arg)
{
    fn(arg);
}

static inline void task_sem_init(task_sem *sem, unsigned count)
{
    *sem = (task_sem){.count = count, .raised = st_cond_new()};
}

static inline void task_sem_wait(task_sem *sem)
{
    while (sem->count == 0)
        st_cond_wait(sem->raised);
    sem->count--;
}

static inline void task_sem_post(task_sem *sem)
{
    sem->count++;
    st_cond_signal(sem->raised);
}

static inline void task_sem_destroy(task_sem *sem)
{
    st_cond_destroy(sem->raised);
}

static inline void task_mutex_init(task_mutex *mutex)
{
    *mutex = st_mutex_new();
}

static inline void task_mutex_lock(task_mutex *mutex)
{
    st_mutex_lock(*mutex);
}

static inline void task_mutex_unlock(task_mutex *mutex)
{
    st_mutex_unlock(*mutex);
}

static inline void task_mutex_destroy(task_mutex *mutex)
{
    st_mutex_destroy(*mutex);
}

/* --- channels ------------------------------------------------------------- */

/* A ring of `room` elements. A rendezvous has one, and its sender stays until
 * its element was taken: `taken` counts the elements received so far. */
typedef struct {
    size_t elem_size, room, first, used;
    uint64_t put, taken;
    unsigned full_waits, empty_waits; /* tasks that wait for not_full, not_empty */
    st_cond_t not_full, not_empty, received;
    int rendezvous, closed;
    unsigned char *ring;
} task_chan;

static inline void task_chan_destroy(task_chan *ch)
{
    st_cond_destroy(ch->not_full);
    st_cond_destroy(ch->not_empty);
    st_cond_destroy(ch->received);
    free(ch->ring);
    free(ch);
}

static inline task_chan *task_chan_create(size_t elem_size, size_t capacity)
{
    task_chan *ch = malloc(sizeof *ch);

    if (!ch)
        return NULL;
    *ch = (task_chan){.elem_size = elem_size,
                      .room = capacity ? capacity : 1,
                      .rendezvous = capacity == 0,
                      .not_full = st_cond_new(),
                      .not_empty = st_cond_new(),
                      .received = st_cond_new()};
    ch->ring = calloc(ch->room, elem_size);
    if (ch->ring)
        return ch;
    task_chan_destroy(ch);
    return NULL;
}

/* A copy whose usual size the compiler knows. */
static inline void task_st_copy(void *to, const void *from, size_t size)
{
    if (size == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else
        memcpy(to, from, size);
}

static inline void task_st_wait(st_cond_t cond, unsigned *waits)
{
    ++*waits;
    st_cond_wait(cond);
    --*waits;
}

static inline int task_chan_send(task_chan *ch, const void *elem)
{
    uint64_t mine;
    size_t at;

    while (ch->used == ch->room && !ch->closed)
        task_st_wait(ch->not_full, &ch->full_waits);
    if (ch->closed)
        return -EPIPE;
    at = ch->first + ch->used;
    at = at < ch->room ? at : at - ch->room;
    task_st_copy(ch->ring + at * ch->elem_size, elem, ch->elem_size);
    ch->used++;
    mine = ++ch->put;
    if (ch->empty_waits)
        st_cond_signal(ch->not_empty);
    while (ch->rendezvous && ch->taken < mine)
        st_cond_wait(ch->received);
    return 0;
}

static inline int task_chan_recv(task_chan *ch, void *elem)
{
    while (ch->used == 0 && !ch->closed)
        task_st_wait(ch->not_empty, &ch->empty_waits);
    if (ch->used == 0)
        return -EPIPE;
    task_st_copy(elem, ch->ring + ch->first * ch->elem_size, ch->elem_size);
    ch->first = ch->first + 1 < ch->room ? ch->first + 1 : 0;
    ch->used--;
    ch->taken++;
    if (ch->rendezvous)
        st_cond_signal(ch->received);
    if (ch->full_waits)
        st_cond_signal(ch->not_full);
    return 0;
}

static inline void task_chan_close(task_chan *ch)
{
    ch->closed = 1;
    st_cond_broadcast(ch->not_full);
    st_cond_broadcast(ch->not_empty);
}

/* The contract asks for a select, and the library has none: see no_select.c. */
typedef struct {
    int unused;
} task_case;

static inline void task_case_recv(task_case *c, task_chan *ch, void *elem)
{
    (void)ch;
    (void)elem;
    *c = (task_case){0};
}

static inline int task_select(task_case *cases, int n)
{
    (void)cases;
    (void)n;
    return -ENOSYS;
}

static inline int task_case_result(const task_case *c)
{
    (void)c;
    return -ENOSYS;
}

/* Idle stacks are the library's own, and it keeps them. */
static inline void task_stack_trim(void)
{
}

#endif
