/* Trees of tasks grown at random: every task runs once, every group completes
 * when, and only when, its last member has returned. */
#include "stress.h"

#include <stdlib.h>
#include <string.h>

/* A node's shape follows from its number alone, so the size of a tree is
 * known before it is grown. */
struct node {
    gt_group *group;   /* it was spawned into */
    atomic_llong *ran; /* counts the members of that group */
    uint64_t random;
    int depth;
};

static _Atomic uint64_t grown;

enum how { RETURN, SAME_GROUP, OWN_GROUP, OWN_GROUP_AND_YIELD, HOWS };

static enum how how_of(uint64_t random, int depth)
{
    return depth == 0 ? RETURN : (enum how)(random % HOWS);
}

static int children_of(uint64_t random)
{
    return 1 + (int)((random >> 8) % 4);
}

static uint64_t child_random(const struct node *n, int i)
{
    uint64_t state = n->random + (uint64_t)i * 7919;
    return next_random(&state);
}

static uint64_t size_of(uint64_t random, int depth)
{
    struct node n = {.random = random, .depth = depth};
    uint64_t size = 1;
    if (how_of(random, depth) != RETURN)
        for (int i = 0; i < children_of(random); i++)
            size += size_of(child_random(&n, i), depth - 1);
    return size;
}

static void grow(void *arg);

static void spawn_child(const struct node *parent, gt_group *group, atomic_llong *ran, int i)
{
    struct node *child = malloc(sizeof *child);
    CHECK(child);
    *child = (struct node){group, ran, child_random(parent, i), parent->depth - 1};
    gt_attr attr = {0};
    unsigned odd = (unsigned)(child->random >> 16) % 64;
    if (odd == 0)
        attr.stack_size = (size_t)16384 << (child->random >> 24) % 5;
    else if (odd < 4) {
        attr.flags = GT_BOUND;
        attr.worker = (int)((child->random >> 24) % (uint64_t)gt_workers());
    }
    CHECK(gt_group_spawn(group, grow, child, odd < 4 ? &attr : NULL) == 0);
}

static void grow_own_group(const struct node *n, bool yields)
{
    gt_group group = {0};
    atomic_llong ran = 0;
    int children = children_of(n->random);
    for (int i = 0; i < children; i++) {
        spawn_child(n, &group, &ran, i);
        if (yields)
            gt_yield();
    }
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&ran) >= children);
}

static void grow(void *arg)
{
    struct node n = *(struct node *)arg;
    free(arg);
    switch (how_of(n.random, n.depth)) {
    case SAME_GROUP:
        for (int i = 0; i < children_of(n.random); i++)
            spawn_child(&n, n.group, n.ran, i);
        break;
    case OWN_GROUP:
        grow_own_group(&n, false);
        break;
    case OWN_GROUP_AND_YIELD:
        grow_own_group(&n, true);
        break;
    default:
        if (n.random >> 40 & 1)
            gt_yield();
    }
    atomic_fetch_add(&grown, 1);
    atomic_fetch_add(n.ran, 1);
}

static void trees(int workers, uint64_t tasks, uint64_t *random)
{
    uint64_t expected = 0;
    gt_group group = {0};
    atomic_llong ran = 0;
    atomic_store(&grown, 0);
    start(workers, next_random(random) % 2 ? 0 : -1);
    for (int planted = 0; expected < tasks; planted++) {
        struct node *root = malloc(sizeof *root);
        CHECK(root);
        *root = (struct node){&group, &ran, next_random(random), 3 + planted % 6};
        expected += size_of(root->random, root->depth);
        spawn(&group, grow, root);
        if (planted % 50 == 0) { /* wait now and then, so that workers go idle */
            CHECK(gt_group_wait(&group) == 0);
            CHECK(atomic_load(&grown) == expected);
        }
    }
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&grown) == expected);
    stop();
}

int main(void)
{
    static const int workers[] = {1, 2, 4, 8};
    stress_begin("stress_spawn");
    for (size_t w = 0; w < COUNT_OF(workers); w++)
        for (uint64_t round = 0; round < stress_amount(20, 2); round++) {
            uint64_t random = random_stream(w * 1000003 + round);
            stress_phase("workers %d, round %d", workers[w], (int)round);
            trees(workers[w], SANITIZED ? 10000 : 100000, &random);
        }
    return stress_end();
}
