/* Small stacks: dense slots without guards, in blocks of the size of a huge
 * page. */
#include "common.h"

#include <malloc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os_linux.h"
#include "stacks.h"

#define KIB    ((size_t)1 << 10)
#define MIB    ((size_t)1 << 20)
#define SECOND INT64_C(1000000000)
#define SMALL2 GTI_STACK_SMALL
#define SMALL4 (GTI_STACK_SMALL + 1)

static void init(size_t retain)
{
    const char *why;
    assert_int_equal(gti_stacks_init(&why), 0);
    gti_stacks_configure(&(gt_config){.stack_retain = retain, .workers = 1});
}

static int fini(void **state)
{
    (void)state;
    gti_stacks_destroy();
    return 0;
}

static struct gti_stack *get(struct gti_stack_cache *cache, unsigned size_class)
{
    struct gti_stack *s = stack_get(cache, size_class);
    assert_non_null(s);
    return s;
}

static uint64_t shared_retained(void)
{
    gt_stats stats = {0};
    gti_stack_stats(&stats);
    return stats.sum.retained_bytes;
}

static bool is_resident(char *at)
{
    size_t page = gti_os_page_size();
    unsigned char vec;
    CHECK(mincore((char *)((uintptr_t)at / page * page), page, &vec) == 0);
    return vec & 1;
}

/* ---- slots ---------------------------------------------------------------- */

static void slots_are_dense_and_wholly_the_tasks(void **state)
{
    (void)state;
    for (unsigned c = SMALL2; c <= SMALL4; c++) {
        struct gti_stack_cache cache = {0};
        init(64 * MIB);
        size_t size = gti_stack_class_size(c), blocks = 0;
        char *low = (char *)UINTPTR_MAX, *high = NULL;
        for (int i = 0; i < 3000; i++) {
            struct gti_stack *s = get(&cache, c);
            assert_int_equal(s->top - s->base, size);
            assert_int_equal((uintptr_t)s->top % 64, 0);
            assert_true(s->canary && gti_stack_is_whole(s));
            memset(s->base + 8, 0xff, size - 8);
            low = s->base < low ? s->base : low;
            high = s->top > high ? s->top : high;
        }
        blocks = (3000 * size + 2 * MIB - 1) / (2 * MIB);
        assert_true((size_t)(high - low) <= blocks * 2 * MIB);
        assert_int_equal((uintptr_t)low % (2 * MIB), 0);
        gti_stacks_destroy();
    }
}

static long anon_huge_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "AnonHugePages: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

/* Does the system give huge pages to who asks plainly? An emulator does not. */
static bool huge_pages_are_given(void)
{
    long before = anon_huge_kib();
    char *all = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(all != MAP_FAILED);
    madvise(all, 4 * MIB, MADV_HUGEPAGE);
    for (size_t at = 0; at < 4 * MIB; at += 4 * KIB)
        all[at] = 1;
    long given = anon_huge_kib() - before;
    munmap(all, 4 * MIB);
    return given > 0;
}

static void slots_lie_in_huge_pages(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0};
    if (!huge_pages_are_given() || UNDER_ASAN)
        skip();
    init(64 * MIB);
    long before = anon_huge_kib();
    for (int i = 0; i < 4096; i++)
        get(&cache, SMALL2)->top[-1] = 1;
    /* Four blocks; the kernel may be short of huge pages for some. */
    assert_true(anon_huge_kib() - before >= 2048);
}

static void overwrite_canary(void *stack)
{
    struct gti_stack *s = stack;
    s->base[7] ^= 1;
    stack_check_canary(s, "culprit");
}

static void an_overflow_names_task_limit_and_the_only_option_that_helps(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0};
    init(64 * MIB);
    struct gti_stack *s = get(&cache, SMALL4);
    assert_fatal(overwrite_canary, s, "culprit");
    assert_fatal(overwrite_canary, s, "4096 bytes");
    assert_fatal(overwrite_canary, s, "gt_attr.stack_size");
    struct outcome o = in_child(overwrite_canary, s);
    assert_null(strstr(o.text, "GT_STACK_SIZE"));
}

static void a_guard_lies_below_the_lowest_slot_of_a_slab(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0};
    int fds[2];
    init(64 * MIB);
    struct gti_stack *s = get(&cache, SMALL2), *other = get(&cache, SMALL2);
    CHECK(pipe(fds) == 0);
    CHECK(write(fds[1], "xy", 2) == 2);
    assert_int_equal(read(fds[0], s->base - 1, 1), -1);
    assert_int_equal(read(fds[0], s->base + 8, 1), 1);
    close(fds[0]);
    close(fds[1]);
    /* Whoever runs down to it from above is told by it too. */
    assert_true(gti_stack_guards(s, s->base - 1));
    assert_true(gti_stack_guards(other, s->base - 1));
    assert_false(gti_stack_guards(s, s->base));
    assert_false(gti_stack_guards(s, s->base - gti_os_page_size() - 1));
}

static void small_stacks_count_as_canary_stacks(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0};
    gt_stats stats = {0};
    init(0);
    /* Twice, with the memory dropped between: a slot is counted once. */
    for (int round = 0; round < 2; round++) {
        struct gti_stack *s[500];
        for (size_t i = 0; i < COUNT_OF(s); i++)
            s[i] = get(&cache, SMALL2);
        for (size_t i = 0; i < COUNT_OF(s); i++)
            stack_put(&cache, s[i]);
        gti_stack_trim(&cache);
    }
    gti_stack_stats(&stats);
    assert_in_range(stats.stacks, 500, 500 + 2 * GTI_STACK_BATCH);
    assert_int_equal(stats.canary_stacks, stats.stacks);
    assert_int_equal(stats.stack_bytes, stats.stacks * 2 * KIB);
}

/* ---- memory --------------------------------------------------------------- */

#define BLOCK_SLOTS 1024 /* of 2 KiB */

static void a_block_loses_its_memory_when_all_its_slots_are_idle(void **state)
{
    (void)state;
    static struct gti_stack *s[3 * BLOCK_SLOTS];
    struct gti_stack_cache cache = {0};
    init(64 * MIB);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        s[i] = get(&cache, SMALL2);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        if (i != BLOCK_SLOTS + 7)
            stack_put(&cache, s[i]);
    char *used = s[BLOCK_SLOTS + 7]->base;
    memset(used + 8, 3, 2 * KIB - 8);
    gti_stack_trim(&cache);
    for (size_t i = 0; i < COUNT_OF(s); i += BLOCK_SLOTS / 4)
        assert_int_equal(is_resident(s[i]->base), i / BLOCK_SLOTS == 1);
    assert_int_equal(used[2 * KIB - 1], 3);
    assert_int_equal(shared_retained(), (BLOCK_SLOTS - 1) * 2 * KIB);
    stack_put(&cache, s[BLOCK_SLOTS + 7]);
    gti_stack_trim(&cache);
    assert_false(is_resident(used));
    assert_int_equal(shared_retained(), 0);
}

static void blocks_above_the_budget_are_dropped_on_release(void **state)
{
    (void)state;
    static struct gti_stack *s[8 * BLOCK_SLOTS];
    struct gti_stack_cache cache = {0};
    init(8 * MIB);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        s[i] = get(&cache, SMALL2);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        stack_put(&cache, s[i]);
    size_t blocks = 0;
    for (size_t i = 0; i < COUNT_OF(s); i += BLOCK_SLOTS)
        blocks += is_resident(s[i]->base);
    /* The last one is still in part with the cache. */
    assert_in_range(blocks, 1, 4);
    assert_true(shared_retained() + gti_stack_cache_retained(&cache) <= 8 * MIB);
}

static void idle_blocks_are_dropped_with_age(void **state)
{
    (void)state;
    static struct gti_stack *s[4 * BLOCK_SLOTS];
    struct gti_stack_cache cache = {0};
    init(64 * MIB);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        s[i] = get(&cache, SMALL2);
    gti_stacks_age(&cache, SECOND);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        stack_put(&cache, s[i]);
    for (int turn = 2; turn < 6; turn++)
        assert_true(gti_stacks_age(&cache, turn * SECOND) > turn * SECOND);
    for (size_t i = 0; i < COUNT_OF(s); i += BLOCK_SLOTS / 2)
        assert_false(is_resident(s[i]->base));
    assert_int_equal(shared_retained() + gti_stack_cache_retained(&cache), 0);
    assert_int_equal(gti_stacks_age(&cache, 9 * SECOND), GT_NEVER);
}

/* Two caches, trims, turns, a budget that is often exceeded: nobody's stack is
 * given to another, and canaries are whole when a stack is handed out. */
static void no_small_stack_is_given_out_twice(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct gti_stack_cache cache[2] = {0};
    static struct gti_stack *out[6000];
    size_t n = 0;
    init(4 * MIB);
    for (int round = 0; round < 200000; round++) {
        uint64_t r = next_random(&seed);
        struct gti_stack_cache *c = &cache[r % 2];
        /* Long waves of growth and shrinking. */
        bool grow = (r >> 8) % 4 < (round / 9000 % 2 ? 1 : 3);
        if (r % 5003 == 0)
            gti_stack_trim(c);
        if (r % 1009 == 0)
            gti_stacks_age(c, round * (SECOND / 3000));
        if (grow && n < COUNT_OF(out)) {
            struct gti_stack *s = get(c, SMALL2 + (r >> 9 & 1));
            assert_true(gti_stack_is_whole(s));
            memset(s->base + 8, (int)(r >> 16 & 255), 64);
            *(struct gti_stack **)(s->top - 8) = s;
            out[n++] = s;
        } else if (n > 0) {
            size_t i = (r >> 16) % n;
            assert_ptr_equal(*(struct gti_stack **)(out[i]->top - 8), out[i]);
            *(struct gti_stack **)(out[i]->top - 8) = NULL;
            stack_put(c, out[i]);
            out[i] = out[--n];
        }
    }
    for (size_t i = 0; i < n; i++)
        assert_ptr_equal(*(struct gti_stack **)(out[i]->top - 8), out[i]);
}

/* ---- tasks ---------------------------------------------------------------- */

static void try_sizes(void *arg)
{
    const size_t refused[] = {1, 1024, 2047, 2049, 3000, 5000, 8192, 16383, GT_MAX_STACK + 1};
    const size_t taken[] = {0, 2048, 4096, GT_MIN_STACK, 100000, GT_MAX_STACK};
    (void)arg;
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        CHECK(gt_spawn(nothing, NULL, &(gt_attr){.stack_size = refused[i]}) == -EINVAL);
    gt_group group = {0};
    for (size_t i = 0; i < COUNT_OF(taken); i++)
        CHECK(gt_group_spawn(&group, nothing, NULL, &(gt_attr){.stack_size = taken[i]}) == 0);
    CHECK(gt_group_wait(&group) == 0);
}

static void spawn_takes_2048_and_4096_and_refuses_other_sizes_below_the_minimum(void **state)
{
    (void)state;
    run_on(2, try_sizes, NULL);
}

/* Unoptimised, the runtime's own frames take most of 2 KiB. */
#ifdef __OPTIMIZE__
#define ENOUGH 2048
#else
#define ENOUGH 4096
#endif

static gt_chan *chan;
static gt_mutex mutex;
static gt_sem gate;
static atomic_int sum, parked;

static void wait_in_every_way(void *arg)
{
    uintptr_t n = (uintptr_t)arg, got;
    gt_yield();
    gt_sleep_until(gt_now() + 1000);
    CHECK(gt_chan_send(chan, &n) == 0);
    CHECK(gt_chan_recv(chan, &got) == 0);
    gt_mutex_lock(&mutex);
    atomic_fetch_add(&sum, (int)got);
    gt_yield();
    gt_mutex_unlock(&mutex);
    gt_sem_wait(&gate);
    gt_sem_post(&gate);
}

static void run_waiters(void *arg)
{
    (void)arg;
    gt_group group = {0};
    int n = 3000, expected = 0;
    chan = gt_chan_create(sizeof(uintptr_t), 8);
    atomic_store(&sum, 0);
    gt_sem_init(&gate, 0);
    for (int i = 0; i < n; i++, expected += i - 1) {
        /* Fresh big stacks between them: slow paths on small stacks too. */
        gt_attr attr = {.stack_size = i % 3 == 0 ? 0 : i % 3 == 1 ? ENOUGH : 4096};
        CHECK(gt_group_spawn(&group, wait_in_every_way, (void *)(uintptr_t)i, &attr) == 0);
    }
    gt_sem_post(&gate);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&sum) == expected);
    gt_chan_destroy(chan);
}

static void small_tasks_wait_in_every_way(void **state)
{
    (void)state;
    if (UNDER_ASAN)
        skip(); /* frames are larger */
    for (int workers = 1; workers <= 4; workers *= 2)
        run_on(workers, run_waiters, NULL);
}

static void park(void *arg)
{
    (void)arg;
    atomic_fetch_add(&parked, 1);
    gt_sem_wait(&gate);
}

#define PARKED 100000

static void measure_parked(void *arg)
{
    gt_group group = {0};
    gt_attr attr = {.stack_size = 2048};
    gt_sem_init(&gate, 0);
    atomic_store(&parked, 0);
    size_t before = resident_bytes();
    for (int i = 0; i < PARKED; i++)
        CHECK(gt_group_spawn(&group, park, NULL, &attr) == 0);
    await(&parked, PARKED);
    *(size_t *)arg = resident_bytes() - before;
    for (int i = 0; i < PARKED; i++)
        gt_sem_post(&gate);
    CHECK(gt_group_wait(&group) == 0);
}

static void a_parked_small_task_takes_at_most_2_2_kib(void **state)
{
    (void)state;
    size_t bytes = 0;
    if (UNDER_ASAN || UNDER_TSAN)
        skip();
    /* Meson's MALLOC_PERTURB_ would make all of a slab resident. */
    mallopt(M_PERTURB, 0);
    /* Helpers would have run queues and stacks of their own. */
    gt_config alone = {.workers = 1, .hog_ns = -1};
    assert_int_equal(gt_run(&alone, measure_parked, &bytes), 0);
    print_message("%.3f KiB\n", (double)bytes / PARKED / 1024);
    /* A block is begun, a run queue has doubled; the rest is per task. */
    assert_in_range(bytes, PARKED * 2048, PARKED * 2253 + 4 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(slots_are_dense_and_wholly_the_tasks, fini),
        cmocka_unit_test_teardown(slots_lie_in_huge_pages, fini),
        cmocka_unit_test_teardown(an_overflow_names_task_limit_and_the_only_option_that_helps,
                                  fini),
        cmocka_unit_test_teardown(a_guard_lies_below_the_lowest_slot_of_a_slab, fini),
        cmocka_unit_test_teardown(small_stacks_count_as_canary_stacks, fini),
        cmocka_unit_test_teardown(a_block_loses_its_memory_when_all_its_slots_are_idle, fini),
        cmocka_unit_test_teardown(blocks_above_the_budget_are_dropped_on_release, fini),
        cmocka_unit_test_teardown(idle_blocks_are_dropped_with_age, fini),
        cmocka_unit_test_teardown(no_small_stack_is_given_out_twice, fini),
        cmocka_unit_test(spawn_takes_2048_and_4096_and_refuses_other_sizes_below_the_minimum),
        cmocka_unit_test(small_tasks_wait_in_every_way),
        cmocka_unit_test(a_parked_small_task_takes_at_most_2_2_kib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
