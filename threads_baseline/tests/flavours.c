/* The two flavours behind one table: see common.h. */
#include "common.h"

#include <stdlib.h>

/* Mutex and wait group: the same functions but for prefix and member. */
#define SYNC_FUNCTIONS(member, prefix)                                                             \
    static void member##_mutex_init(union any_mutex *mutex)                                        \
    {                                                                                              \
        prefix##_mutex_init(&mutex->member);                                                       \
    }                                                                                              \
    static void member##_mutex_destroy(union any_mutex *mutex)                                     \
    {                                                                                              \
        prefix##_mutex_destroy(&mutex->member);                                                    \
    }                                                                                              \
    static void member##_mutex_lock(union any_mutex *mutex)                                        \
    {                                                                                              \
        prefix##_mutex_lock(&mutex->member);                                                       \
    }                                                                                              \
    static int member##_mutex_try_lock(union any_mutex *mutex)                                     \
    {                                                                                              \
        return prefix##_mutex_try_lock(&mutex->member);                                            \
    }                                                                                              \
    static void member##_mutex_unlock(union any_mutex *mutex)                                      \
    {                                                                                              \
        prefix##_mutex_unlock(&mutex->member);                                                     \
    }                                                                                              \
    static void member##_waitgroup_init(union any_waitgroup *wg)                                   \
    {                                                                                              \
        prefix##_waitgroup_init(&wg->member);                                                      \
    }                                                                                              \
    static void member##_waitgroup_destroy(union any_waitgroup *wg)                                \
    {                                                                                              \
        prefix##_waitgroup_destroy(&wg->member);                                                   \
    }                                                                                              \
    static void member##_waitgroup_add(union any_waitgroup *wg, uint32_t count)                    \
    {                                                                                              \
        prefix##_waitgroup_add(&wg->member, count);                                                \
    }                                                                                              \
    static void member##_waitgroup_done(union any_waitgroup *wg)                                   \
    {                                                                                              \
        prefix##_waitgroup_done(&wg->member);                                                      \
    }                                                                                              \
    static void member##_waitgroup_wait(union any_waitgroup *wg)                                   \
    {                                                                                              \
        prefix##_waitgroup_wait(&wg->member);                                                      \
    }

#define SYNC_MEMBERS(member)                                                                       \
    .mutex_init = member##_mutex_init, .mutex_destroy = member##_mutex_destroy,                    \
    .mutex_lock = member##_mutex_lock, .mutex_try_lock = member##_mutex_try_lock,                  \
    .mutex_unlock = member##_mutex_unlock, .waitgroup_init = member##_waitgroup_init,              \
    .waitgroup_destroy = member##_waitgroup_destroy, .waitgroup_add = member##_waitgroup_add,      \
    .waitgroup_done = member##_waitgroup_done, .waitgroup_wait = member##_waitgroup_wait

SYNC_FUNCTIONS(plain, tb)
SYNC_FUNCTIONS(futex, tb_futex)

static void *plain_chan_create(size_t elem_size, size_t capacity)
{
    return tb_chan_create(elem_size, capacity);
}

static void plain_chan_destroy(void *chan)
{
    tb_chan_destroy(chan);
}

static int plain_chan_send(void *chan, const void *elem)
{
    return tb_chan_send(chan, elem);
}

static int plain_chan_recv(void *chan, void *elem)
{
    return tb_chan_recv(chan, elem);
}

static int plain_chan_try_send(void *chan, const void *elem)
{
    return tb_chan_try_send(chan, elem);
}

static int plain_chan_try_recv(void *chan, void *elem)
{
    return tb_chan_try_recv(chan, elem);
}

static void plain_chan_close(void *chan)
{
    tb_chan_close(chan);
}

static int plain_chan_select(struct any_case *cases, int n, int64_t deadline)
{
    struct tb_case own[TB_MAX_CASES];

    if (n < 1 || n > TB_MAX_CASES)
        return tb_chan_select(own, n, deadline);
    for (int i = 0; i < n; i++)
        own[i] = (struct tb_case){cases[i].chan, cases[i].op, cases[i].elem, -1};
    int chosen = tb_chan_select(own, n, deadline);
    if (chosen >= 0)
        cases[chosen].result = own[chosen].result;
    return chosen;
}

static void *plain_sem_create(unsigned count)
{
    struct tb_sem *sem = malloc(sizeof *sem);

    assert_non_null(sem);
    tb_sem_init(sem, count);
    return sem;
}

static void plain_sem_destroy(void *sem)
{
    tb_sem_destroy(sem);
    free(sem);
}

static void plain_sem_wait(void *sem)
{
    tb_sem_wait(sem);
}

static int plain_sem_try_wait(void *sem)
{
    return tb_sem_try_wait(sem);
}

static void plain_sem_post(void *sem)
{
    tb_sem_post(sem);
}

const struct flavour flavour_pthread = {
    .name = "pthread",
    .group_init = tb_group_init,
    .chan_create = plain_chan_create,
    .chan_destroy = plain_chan_destroy,
    .chan_send = plain_chan_send,
    .chan_recv = plain_chan_recv,
    .chan_try_send = plain_chan_try_send,
    .chan_try_recv = plain_chan_try_recv,
    .chan_close = plain_chan_close,
    .chan_select = plain_chan_select,
    .sem_create = plain_sem_create,
    .sem_destroy = plain_sem_destroy,
    .sem_wait = plain_sem_wait,
    .sem_try_wait = plain_sem_try_wait,
    .sem_post = plain_sem_post,
    SYNC_MEMBERS(plain),
};

static void *futex_chan_create(size_t elem_size, size_t capacity)
{
    return tb_futex_chan_create(elem_size, capacity);
}

static void futex_chan_destroy(void *chan)
{
    tb_futex_chan_destroy(chan);
}

static int futex_chan_send(void *chan, const void *elem)
{
    return tb_futex_chan_send(chan, elem);
}

static int futex_chan_recv(void *chan, void *elem)
{
    return tb_futex_chan_recv(chan, elem);
}

static int futex_chan_try_send(void *chan, const void *elem)
{
    return tb_futex_chan_try_send(chan, elem);
}

static int futex_chan_try_recv(void *chan, void *elem)
{
    return tb_futex_chan_try_recv(chan, elem);
}

static void futex_chan_close(void *chan)
{
    tb_futex_chan_close(chan);
}

static int futex_chan_select(struct any_case *cases, int n, int64_t deadline)
{
    struct tb_futex_case own[TB_MAX_CASES];

    if (n < 1 || n > TB_MAX_CASES)
        return tb_futex_chan_select(own, n, deadline);
    for (int i = 0; i < n; i++)
        own[i] = (struct tb_futex_case){cases[i].chan, cases[i].op, cases[i].elem, -1};
    int chosen = tb_futex_chan_select(own, n, deadline);
    if (chosen >= 0)
        cases[chosen].result = own[chosen].result;
    return chosen;
}

static void *futex_sem_create(unsigned count)
{
    struct tb_futex_sem *sem = malloc(sizeof *sem);

    assert_non_null(sem);
    tb_futex_sem_init(sem, count);
    return sem;
}

static void futex_sem_destroy(void *sem)
{
    tb_futex_sem_destroy(sem);
    free(sem);
}

static void futex_sem_wait(void *sem)
{
    tb_futex_sem_wait(sem);
}

static int futex_sem_try_wait(void *sem)
{
    return tb_futex_sem_try_wait(sem);
}

static void futex_sem_post(void *sem)
{
    tb_futex_sem_post(sem);
}

const struct flavour flavour_futex = {
    .name = "pthread-futex",
    .group_init = tb_futex_group_init,
    .chan_create = futex_chan_create,
    .chan_destroy = futex_chan_destroy,
    .chan_send = futex_chan_send,
    .chan_recv = futex_chan_recv,
    .chan_try_send = futex_chan_try_send,
    .chan_try_recv = futex_chan_try_recv,
    .chan_close = futex_chan_close,
    .chan_select = futex_chan_select,
    .sem_create = futex_sem_create,
    .sem_destroy = futex_sem_destroy,
    .sem_wait = futex_sem_wait,
    .sem_try_wait = futex_sem_try_wait,
    .sem_post = futex_sem_post,
    SYNC_MEMBERS(futex),
};
