/* What the tests of blocking calls share: tasks that block in read(). */
#ifndef GT_TESTS_BLOCKERS_H
#define GT_TESTS_BLOCKERS_H

#include "common.h"

#include <unistd.h>

#define MAX_BLOCKED 20

static inline void make_pipe(int fds[2])
{
    CHECK(pipe(fds) == 0);
}

static inline void close_pipe(int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static inline void write_byte(int fd)
{
    CHECK(write(fd, "", 1) == 1);
}

static inline void read_byte(int fd)
{
    char c;
    CHECK(read(fd, &c, 1) == 1);
}

static inline void start(const gt_config *config)
{
    assert_int_equal(gt_start(config), 0);
}

static inline void count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

/* A task that blocks in read() until somebody writes. */
struct blocker {
    int fds[2];
    atomic_int *inside, *after;
};

static inline void read_in_blocker(void *arg)
{
    struct blocker *b = arg;
    atomic_fetch_add(b->inside, 1);
    read_byte(b->fds[0]);
}

static inline void block(void *arg)
{
    struct blocker *b = arg;
    CHECK(gt_blocking(read_in_blocker, b, GT_NEVER) == 0);
    CHECK(gt_worker() >= 0);
    atomic_fetch_add(b->after, 1);
}

static struct blocker blockers[MAX_BLOCKED];
static atomic_int inside, after;

static inline void start_blockers(gt_group *group, int n)
{
    atomic_store(&inside, 0);
    atomic_store(&after, 0);
    for (int i = 0; i < n; i++) {
        blockers[i] = (struct blocker){.inside = &inside, .after = &after};
        make_pipe(blockers[i].fds);
        spawn(group, block, &blockers[i]);
    }
}

static inline void end_blockers(gt_group *group, int n)
{
    for (int i = 0; i < n; i++)
        write_byte(blockers[i].fds[1]);
    CHECK(gt_group_wait(group) == 0);
    CHECK(atomic_load(&after) == n);
    for (int i = 0; i < n; i++)
        close_pipe(blockers[i].fds);
}

#endif
