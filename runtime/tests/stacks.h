/* What a worker does with its cache of stacks (worker_switch.c), for tests of stacks
 * that have none. */
#ifndef GT_TESTS_STACKS_H
#define GT_TESTS_STACKS_H

#include "stack.h"

/* NULL: the system refuses memory. */
static inline struct gti_stack *stack_get(struct gti_stack_cache *cache, unsigned size_class)
{
    struct gti_stack *s = gti_stack_pop(cache, size_class);
    if (!s && gti_stack_refill(cache, size_class))
        s = gti_stack_pop(cache, size_class);
    return s;
}

static inline void stack_put(struct gti_stack_cache *cache, struct gti_stack *s)
{
    if (gti_stack_push(cache, s))
        gti_stack_spill(cache, s->size_class);
}

/* Fatal when the canary of a canary stack is gone. */
static inline void stack_check_canary(const struct gti_stack *s, const char *task)
{
    if (!gti_stack_is_whole(s))
        gti_stack_overflowed(s, task);
}

#endif
