/* The memory probe, the readers of /proc files, and the cgroup it may make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../memcg.h"
#include "../memory.h"
#include "../procfile.h"

enum { TEN_MIB = 10 << 20 };

/* ThreadSanitizer's shadow of the memory is several times as large. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SHADOWED 1
#endif
#endif
#ifndef SHADOWED
#define SHADOWED 0
#endif

/* Pss shares library pages with whoever else maps them, and moves when another
 * process starts or ends: so one look of several has to be right. */
#define LOOKS 20

static void measure_block(bool touch, struct memory_sample *sample)
{
    struct memory_probe probe;
    char *block;

    assert_int_equal(memory_baseline(&probe, false), 0);
    block = mmap(NULL, TEN_MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    if (touch)
        memset(block, 1, TEN_MIB);
    assert_int_equal(memory_measure(&probe, 7, sample), 0);
    memory_close(&probe);
    munmap(block, TEN_MIB);
}

static void memory_that_is_touched_is_seen(void **state)
{
    if (SHADOWED) {
        print_message("built with ThreadSanitizer, which needs memory for its shadow\n");
        skip();
    }
    const int64_t least = TEN_MIB - (1 << 19), most = TEN_MIB + (1 << 20);
    struct memory_sample sample = {.user = 0};

    for (int k = 0; k < LOOKS && (sample.user < least || sample.user > most); k++)
        measure_block(true, &sample);
    assert_int_equal(sample.n, 7);
    assert_in_range(sample.user, least, most);
    /* 2560 pages need at least five tables, unless they became huge ones. */
    if (sample.anon_huge == 0)
        assert_true(sample.page_table >= 5 * 4096 - 4096);
    assert_string_equal(sample.source, "meminfo");
}

static void memory_that_is_only_reserved_is_not_seen(void **state)
{
    struct memory_sample sample = {.user = TEN_MIB};

    for (int k = 0; k < LOOKS && sample.user >= TEN_MIB / 10; k++)
        measure_block(false, &sample);
    assert_true(sample.user < TEN_MIB / 10);
}

static void the_precise_probe_has_a_source_and_ends(void **state)
{
    struct memory_probe probe;
    struct memory_sample sample;

    assert_int_equal(memory_baseline(&probe, true), 0);
    assert_int_equal(memory_measure(&probe, 1000, &sample), 0);
    assert_true(strcmp(sample.source, "meminfo") == 0 || strcmp(sample.source, "memcg") == 0);
    assert_int_equal(strcmp(sample.source, "memcg") == 0, probe.memcg.active);
    memory_close(&probe);
    assert_false(probe.memcg.active);
}

static void measuring_without_a_baseline_is_refused(void **state)
{
    struct memory_probe probe = {.has_baseline = false};
    struct memory_sample sample;

    assert_true(memory_measure(&probe, 1, &sample) < 0);
}

static void values_are_found_by_their_whole_key(void **state)
{
    const char *text =
        "SlabInfo: 1 kB\nSlab:     2048 kB\nslab 77\nEmpty:\nBig: 99999999999999999999\n";
    uint64_t value;

    assert_true(procfile_value(text, "Slab", &value));
    assert_int_equal(value, 2048 * 1024);
    assert_true(procfile_value(text, "slab", &value));
    assert_int_equal(value, 77);
    assert_false(procfile_value(text, "Sla", &value));
    assert_false(procfile_value(text, "Empty", &value));
    assert_false(procfile_value(text, "Big", &value));
    assert_false(procfile_value("", "Slab", &value));
}

static void the_kernel_share_of_a_cgroup_is_read(void **state)
{
    uint64_t stack, slab;

    assert_true(
        memcg_parse("anon 1\nkernel_stack 16384\nslab_reclaimable 5\nslab 4096\n", &stack, &slab));
    assert_int_equal(stack, 16384);
    assert_int_equal(slab, 4096);
    assert_false(memcg_parse("cache 1\nrss 2\n", &stack, &slab)); /* version 1 */
    assert_false(memcg_parse("", &stack, &slab));
}

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_cgroup_that_accounts_nothing_is_left_as_it_was(void **state)
{
    char directory[] = "/tmp/greenbench-cgroup-XXXXXX";
    char child[256];
    struct memcg m;

    assert_non_null(mkdtemp(directory));
    snprintf(child, sizeof child, "%s/greenbench-%ld", directory, (long)getpid());

    /* No controller is handed down: nothing is made. */
    write_file(directory, "cgroup.subtree_control", "pids\n");
    assert_false(memcg_enter(&m, directory));
    assert_int_not_equal(access(child, F_OK), 0);

    /* It is, but the child has no memory.stat: made, and removed. */
    write_file(directory, "cgroup.subtree_control", "memory pids\n");
    assert_false(memcg_enter(&m, directory));
    assert_false(m.active);
    assert_int_not_equal(access(child, F_OK), 0);

    snprintf(child, sizeof child, "%s/cgroup.subtree_control", directory);
    unlink(child);
    snprintf(child, sizeof child, "%s/cgroup.procs", directory);
    unlink(child);
    assert_int_equal(rmdir(directory), 0);
}

static void the_own_cgroup_is_found_in_both_hierarchies(void **state)
{
    char path[512];

    assert_false(procfile_cgroup("", NULL, path, sizeof path));
    assert_false(procfile_cgroup("garbage\n\n:::\n", "pids", path, sizeof path));
    assert_false(procfile_cgroup("4:cpu,cpuacct:/a\n", "memory", path, sizeof path));
    assert_false(procfile_cgroup("4:memoryx:/a\n", "memory", path, sizeof path));
    if (access("/sys/fs/cgroup", F_OK) == 0) {
        assert_true(procfile_cgroup("0::/no/such/group\n", NULL, path, sizeof path));
        assert_int_equal(access(path, F_OK), 0);
        assert_false(procfile_cgroup("0::/\n", NULL, path, 8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_is_touched_is_seen),
        cmocka_unit_test(memory_that_is_only_reserved_is_not_seen),
        cmocka_unit_test(the_precise_probe_has_a_source_and_ends),
        cmocka_unit_test(measuring_without_a_baseline_is_refused),
        cmocka_unit_test(values_are_found_by_their_whole_key),
        cmocka_unit_test(the_kernel_share_of_a_cgroup_is_read),
        cmocka_unit_test(a_cgroup_that_accounts_nothing_is_left_as_it_was),
        cmocka_unit_test(the_own_cgroup_is_found_in_both_hierarchies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
