/* Placements on machines that hwloc makes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sched.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../placement.h"

/* Two packages of two NUMA nodes, each of two last-level caches, each of two
 * cores of two hardware threads: 32 CPUs. PU numbers follow the tree. */
#define BIG "pack:2 numa:2 l3:2 core:2 pu:2"
/* What a small virtual machine shows: one package, two cores, one cache. */
#define SMALL "pack:1 l3:1 core:2 pu:1"

static struct placement chosen;
static char reason[PLACEMENT_REASON_MAX];

static int choose(const char *machine, const char *allowed, const char *place, int ncpu)
{
    struct topology *t = topology_open_synthetic(machine, allowed);
    int rc;

    assert_non_null(t);
    reason[0] = '\0';
    rc = placement_choose(t, place, ncpu, &chosen, reason);
    topology_close(t);
    return rc;
}

static void assert_pair(const char *machine, const char *allowed, const char *place, int a, int b)
{
    if (choose(machine, allowed, place, 2) != 0)
        fail_msg("%s on '%s' (%s): %s", place, machine, allowed ? allowed : "all", reason);
    assert_int_equal(chosen.ncpu, 2);
    assert_int_equal(chosen.cpu[0], a);
    assert_int_equal(chosen.cpu[1], b);
}

static void assert_not_offered(const char *machine, const char *allowed, const char *place,
                               const char *why)
{
    if (choose(machine, allowed, place, 2) == 0)
        fail_msg("%s on '%s' gave CPUs %d and %d", place, machine, chosen.cpu[0], chosen.cpu[1]);
    if (!strstr(reason, why))
        fail_msg("%s on '%s': '%s' does not say '%s'", place, machine, reason, why);
}

static void each_distance_is_found_on_a_big_machine(void **state)
{
    assert_pair(BIG, NULL, "smt", 0, 1);
    assert_pair(BIG, NULL, "same-llc", 0, 2);
    assert_pair(BIG, NULL, "cross-llc", 0, 4);
    assert_pair(BIG, NULL, "cross-numa", 0, 8);
    assert_pair(BIG, NULL, "cross-package", 0, 16);
}

static void a_restricted_cpuset_is_respected(void **state)
{
    assert_pair(BIG, "5,7,12-13,31", "smt", 12, 13);
    assert_pair(BIG, "5,7,12-13,31", "same-llc", 5, 7);
    assert_pair(BIG, "5,7,12-13,31", "cross-package", 5, 31);
    assert_pair(BIG, "5,7,12-13,31", "cross-numa", 5, 12);
    assert_not_offered(BIG, "5,7,12-13,31", "cross-llc", "no two last-level caches");
    assert_not_offered(BIG, "3", "smt", "may use 1 CPU ");
}

static void a_small_machine_says_what_it_lacks(void **state)
{
    assert_pair(SMALL, NULL, "same-llc", 0, 1);
    assert_not_offered(SMALL, NULL, "smt", "no two hardware threads of one core");
    assert_not_offered(SMALL, NULL, "cross-llc", "no two last-level caches");
    assert_not_offered(SMALL, NULL, "cross-numa", "no two NUMA nodes");
    assert_not_offered(SMALL, NULL, "cross-package", "no two packages");
}

static void a_machine_without_caches_offers_no_cache_placement(void **state)
{
    assert_not_offered("pack:1 core:2 pu:1", NULL, "same-llc", "share a last-level cache");
    assert_not_offered("pack:1 core:2 pu:1", NULL, "cross-llc", "no two last-level caches");
}

static void without_a_third_level_the_second_is_the_last(void **state)
{
    assert_pair("pack:1 l2:2 core:2 pu:1", NULL, "same-llc", 0, 1);
    assert_pair("pack:1 l2:2 core:2 pu:1", NULL, "cross-llc", 0, 2);
}

static void same_pu_is_one_cpu(void **state)
{
    assert_int_equal(choose(BIG, "9,20", "same-pu", 1), 0);
    assert_int_equal(chosen.ncpu, 1);
    assert_int_equal(chosen.cpu[0], 9);
}

static void compact_takes_neighbours(void **state)
{
    /* OS numbers as many servers have them: siblings are far apart. */
    const char *machine = "pack:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)";

    assert_int_equal(choose(machine, NULL, "compact", 4), 0);
    assert_int_equal(chosen.ncpu, 4);
    assert_int_equal(chosen.cpu[0], 0);
    assert_int_equal(chosen.cpu[1], 4);
    assert_int_equal(chosen.cpu[2], 1);
    assert_int_equal(chosen.cpu[3], 5);
}

static void none_takes_the_lowest_numbers(void **state)
{
    const char *machine = "pack:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)";

    assert_int_equal(choose(machine, "2-7", "none", 3), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(chosen.cpu[i], 2 + i);
    assert_int_equal(choose(machine, NULL, "free", 2), 0);
    assert_int_equal(chosen.cpu[1], 1);
}

static void scatter_takes_both_packages_first(void **state)
{
    assert_int_equal(choose(BIG, NULL, "scatter", 2), 0);
    assert_int_equal(chosen.cpu[0] / 16 + chosen.cpu[1] / 16, 1);
    assert_int_equal(choose(BIG, "0-3,16", "scatter", 2), 0);
    assert_int_equal(chosen.cpu[0] / 16 + chosen.cpu[1] / 16, 1);
}

static void scatter_goes_on_evenly(void **state)
{
    int packages[2] = {0}, caches[8] = {0}, cores[16] = {0};

    assert_int_equal(choose(BIG, NULL, "scatter", 16), 0);
    for (int i = 0; i < 16; i++) {
        packages[chosen.cpu[i] / 16]++;
        caches[chosen.cpu[i] / 4]++;
        cores[chosen.cpu[i] / 2]++;
    }
    assert_int_equal(packages[0], 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(caches[i], 2);
    for (int i = 0; i < 16; i++)
        assert_int_equal(cores[i], 1);
}

static void assert_distinct(int ncpu)
{
    for (int i = 0; i < ncpu; i++) {
        for (int j = 0; j < i; j++) {
            if (chosen.cpu[i] == chosen.cpu[j])
                fail_msg("CPU %d is chosen twice among %d", chosen.cpu[i], ncpu);
        }
    }
}

static void a_pool_never_has_a_cpu_twice(void **state)
{
    static const char *const pools[] = {"none", "compact", "scatter"};

    for (size_t pool = 0; pool < 3; pool++) {
        for (int ncpu = 1; ncpu <= 32; ncpu++) {
            assert_int_equal(choose(BIG, NULL, pools[pool], ncpu), 0);
            assert_int_equal(chosen.ncpu, ncpu);
            assert_distinct(ncpu);
        }
        for (int ncpu = 1; ncpu <= 5; ncpu++) {
            assert_int_equal(choose(BIG, "0-2,17,30", pools[pool], ncpu), 0);
            assert_distinct(ncpu);
        }
    }
}

static void more_cpus_than_allowed_are_refused_with_both_numbers(void **state)
{
    assert_int_not_equal(choose(BIG, "0-2", "compact", 4), 0);
    assert_non_null(strstr(reason, "P:4"));
    assert_non_null(strstr(reason, "may use 3 CPUs"));
}

static void a_machine_that_makes_no_sense_is_refused(void **state)
{
    assert_null(topology_open_synthetic("pack:0 bogus", NULL));
    assert_null(topology_open_synthetic(SMALL, "64"));
}

static void this_machine_offers_what_the_kernel_allows(void **state)
{
    static int cpu[PLACEMENT_CPUS_MAX];
    struct topology *t = topology_open();
    cpu_set_t mask;
    int count;

    assert_non_null(t);
    assert_int_equal(sched_getaffinity(0, sizeof mask, &mask), 0);
    count = topology_cpus(t, cpu);
    assert_int_equal(count, CPU_COUNT(&mask));
    for (int i = 0; i < count; i++)
        assert_true(CPU_ISSET(cpu[i], &mask));
    assert_true(strlen(topology_synthetic(t)) > 0);
    topology_close(t);
}

static void applying_narrows_the_mask_and_a_reopened_topology_sees_it(void **state)
{
    struct topology *t = topology_open();
    cpu_set_t before, after;

    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(placement_choose(t, "none", 1, &chosen, reason), 0);
    topology_close(t);
    assert_int_equal(placement_apply(&chosen, reason), 0);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_int_equal(CPU_COUNT(&after), 1);
    assert_true(CPU_ISSET(chosen.cpu[0], &after));
    t = topology_open();
    assert_int_not_equal(placement_choose(t, "none", 2, &chosen, reason), 0);
    topology_close(t);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void a_cpu_that_does_not_exist_is_a_denied_binding(void **state)
{
    const struct placement nowhere = {.ncpu = 1, .cpu = {PLACEMENT_CPUS_MAX - 1}};

    assert_int_not_equal(placement_apply(&nowhere, reason), 0);
    assert_non_null(strstr(reason, "was denied"));
}

static void the_topology_is_written_as_xml(void **state)
{
    char file[] = "/tmp/greenbench-topology-XXXXXX";
    struct stat st;
    int fd = mkstemp(file);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(topology_export(file), 0);
    assert_int_equal(stat(file, &st), 0);
    assert_true(st.st_size > 100);
    unlink(file);
    assert_true(topology_export("/dev/null/file.xml") < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_distance_is_found_on_a_big_machine),
        cmocka_unit_test(a_restricted_cpuset_is_respected),
        cmocka_unit_test(a_small_machine_says_what_it_lacks),
        cmocka_unit_test(a_machine_without_caches_offers_no_cache_placement),
        cmocka_unit_test(without_a_third_level_the_second_is_the_last),
        cmocka_unit_test(same_pu_is_one_cpu),
        cmocka_unit_test(compact_takes_neighbours),
        cmocka_unit_test(none_takes_the_lowest_numbers),
        cmocka_unit_test(scatter_takes_both_packages_first),
        cmocka_unit_test(scatter_goes_on_evenly),
        cmocka_unit_test(a_pool_never_has_a_cpu_twice),
        cmocka_unit_test(more_cpus_than_allowed_are_refused_with_both_numbers),
        cmocka_unit_test(a_machine_that_makes_no_sense_is_refused),
        cmocka_unit_test(this_machine_offers_what_the_kernel_allows),
        cmocka_unit_test(applying_narrows_the_mask_and_a_reopened_topology_sees_it),
        cmocka_unit_test(a_cpu_that_does_not_exist_is_a_denied_binding),
        cmocka_unit_test(the_topology_is_written_as_xml),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
