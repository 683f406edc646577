/* Groups: pthread_create on spawn, pthread_join on reap and wait.
 *
 * A member's record must stay in place from its spawn (the new thread reads
 * function and argument from it) to its join. Records live in chunks linked
 * oldest to newest; joining consumes them in the order of spawning, so a
 * chunk is freed when its last member is joined and nothing ever moves. A
 * storm of a million threads with back-pressure holds only as many chunks as
 * it has threads alive. A chunk is 1 KiB: malloc serves that from its
 * per-thread cache, so a group of one costs nanoseconds for it.
 *
 * Threads are never detached: their end belongs to what a thread costs, and
 * only pthread_join says that a stack may be reused.
 */
#include "base.h"
#include "futex_wait.h"
#include "stack.h"
#include "tb/tb_futex.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>

struct member {
    pthread_t thread;
    tb_fn fn;
    void *arg;
    size_t stack_size;
};

#define CHUNK_MEMBERS 31

struct tb_chunk {
    struct tb_chunk *newer;
    struct member member[CHUNK_MEMBERS];
};

_Static_assert(sizeof(struct tb_chunk) <= 1032, "larger than malloc's per-thread cache holds");

void tb_group_init(struct tb_group *group)
{
    *group = (struct tb_group){0};
}

void tb_futex_group_init(struct tb_group *group)
{
    size_t least = (size_t)PTHREAD_STACK_MIN;

    *group = (struct tb_group){
        .stack_size = TB_FUTEX_STACK_SIZE > least ? TB_FUTEX_STACK_SIZE : least, .spin = true};
}

static void *member_main(void *arg)
{
    struct member *self = arg;

    self->fn(self->arg);
    if (tbi_stack_trimming())
        tbi_stack_release(tbi_stack_low(__builtin_frame_address(0), self->stack_size));
    return NULL;
}

/* The record for the next member, not yet counted as one. */
static struct member *member_next(struct tb_group *group)
{
    if (group->newest == NULL || group->tail == CHUNK_MEMBERS) {
        struct tb_chunk *chunk = malloc(sizeof *chunk);

        if (chunk == NULL)
            return NULL;
        chunk->newer = NULL;
        if (group->newest != NULL)
            group->newest->newer = chunk;
        else
            group->oldest = chunk;
        group->newest = chunk;
        group->tail = 0;
    }
    return &group->newest->member[group->tail];
}

static int set_cpu(pthread_attr_t *attr, int cpu)
{
    if (cpu >= CPU_SETSIZE) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpu + 1);
        size_t size = CPU_ALLOC_SIZE((size_t)cpu + 1);

        if (set == NULL)
            return ENOMEM;
        CPU_ZERO_S(size, set);
        CPU_SET_S((size_t)cpu, size, set);
        int error = pthread_attr_setaffinity_np(attr, size, set);
        CPU_FREE(set);
        return error;
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return pthread_attr_setaffinity_np(attr, sizeof set, &set);
}

static int create_with(struct member *member, int cpu)
{
    pthread_attr_t attr;
    int error = pthread_attr_init(&attr);

    if (error != 0)
        return error;
    if (member->stack_size != 0)
        error = pthread_attr_setstacksize(&attr, member->stack_size);
    if (error == 0 && cpu >= 0)
        error = set_cpu(&attr, cpu);
    if (error == 0)
        error = pthread_create(&member->thread, &attr, member_main, member);
    pthread_attr_destroy(&attr);
    return error;
}

int tb_group_spawn(struct tb_group *group, tb_fn fn, void *arg, const struct tb_attr *attr)
{
    int cpu = attr != NULL ? attr->cpu : TB_ANYWHERE;
    size_t stack_size = group->stack_size;

    if (attr != NULL && attr->stack_bytes != 0) {
        stack_size = tbi_stack_size_for(attr->stack_bytes);
        if (stack_size == 0)
            return -ENOMEM;
    }
    struct member *member = member_next(group);
    if (member == NULL)
        return -ENOMEM;
    member->fn = fn;
    member->arg = arg;
    member->stack_size = stack_size;
    int error = stack_size == 0 && cpu < 0
                    ? pthread_create(&member->thread, NULL, member_main, member)
                    : create_with(member, cpu);
    if (error != 0)
        return -error;
    group->tail++;
    return 0;
}

static void release(struct tb_group *group)
{
    struct tb_chunk *chunk = group->oldest;

    group->oldest = chunk->newer;
    if (group->oldest == NULL)
        group->newest = NULL;
    group->head = 0;
    free(chunk);
}

int tb_group_reap(struct tb_group *group)
{
    struct tb_chunk *chunk = group->oldest;

    if (chunk == NULL || (chunk == group->newest && group->head == group->tail))
        return -ECHILD;
    pthread_t thread = chunk->member[group->head].thread;
    if (!group->spin || !tbi_futex_spin_join(thread))
        tbi_check(pthread_join(thread, NULL), "pthread_join of a group's member");
    group->head++;
    if (group->head == CHUNK_MEMBERS)
        release(group);
    return 0;
}

void tb_group_wait(struct tb_group *group)
{
    while (tb_group_reap(group) == 0)
        ;
    if (group->oldest != NULL)
        release(group);
}
