/* The parser of cell names, on a table of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../cell.h"

static const char *even_n(const struct params *p)
{
    return p->n % 2 ? "n must be even" : NULL;
}

static const struct workload storm = {.name = "spawn/storm", .axes = "n temp P place"};
static const struct workload pair = {
    .name = "switch/pair", .axes = "cap P place", .flags = WORKLOAD_PAIR};
static const struct workload queue = {.name = "channel/queue", .axes = "p c cap P"};
static const struct workload picky = {.name = "x/picky", .axes = "n bytes P", .check = even_n};
static const struct workload wake = {.name = "wake/all", .axes = "k cs h remedy P"};
static const struct workload words = {.name = "x/words", .axes = "kib by delay load stack P place"};
static const struct workload *const table[] = {&storm, &pair, &queue, &picky, &wake, &words};

static struct cell cell;
static char error[CELL_ERROR_MAX];

static int parse(const char *name)
{
    return cell_parse(name, table, sizeof table / sizeof table[0], &cell, error);
}

static void a_full_name_gives_its_values(void **state)
{
    assert_int_equal(parse("spawn/storm/n:1000/temp:cold/P:2/place:compact"), 0);
    assert_ptr_equal(cell.workload, &storm);
    assert_int_equal(cell.params.n, 1000);
    assert_true(cell.params.cold);
    assert_int_equal(cell.params.ncpu, 2);
    assert_string_equal(cell.params.place, "compact");
    assert_false(cell.params.pinned);
    assert_string_equal(cell.name, "spawn/storm/n:1000/temp:cold/P:2/place:compact");
}

static void what_a_name_leaves_out_has_its_default(void **state)
{
    assert_int_equal(parse("switch/pair/cap:0/P:2"), 0);
    assert_string_equal(cell.params.place, "free");
    assert_false(cell.params.pinned);
    assert_int_equal(parse("channel/queue/p:3/c:4/cap:128/P:1"), 0);
    assert_string_equal(cell.params.place, "none");
    assert_int_equal(cell.params.p, 3);
    assert_int_equal(cell.params.c, 4);
    assert_int_equal(cell.params.cap, 128);
    assert_int_equal(cell.params.n, 1);
}

static void a_placed_pair_is_pinned_to_its_slots(void **state)
{
    assert_int_equal(parse("switch/pair/cap:1/P:2/place:same-llc"), 0);
    assert_true(cell.params.pinned);
    assert_int_equal(params_pair_slot(&cell.params, 0), 0);
    assert_int_equal(params_pair_slot(&cell.params, 1), 1);
    assert_int_equal(parse("switch/pair/cap:1/P:1/place:same-pu"), 0);
    assert_int_equal(params_pair_slot(&cell.params, 1), 0);
    assert_int_equal(parse("switch/pair/cap:1/P:2"), 0);
    assert_int_equal(params_pair_slot(&cell.params, 1), -1);
}

static void sections_hogs_and_their_remedy_have_axes(void **state)
{
    assert_int_equal(parse("wake/all/k:7/cs:100/h:0/remedy:on/P:1"), 0);
    assert_int_equal(cell.params.k, 7);
    assert_int_equal(cell.params.cs, 100);
    assert_int_equal(cell.params.h, 0);
    assert_false(cell.params.no_remedy);
    assert_int_equal(parse("wake/all/k:1/cs:0/h:4/remedy:off/P:1"), 0);
    assert_int_equal(cell.params.h, 4);
    assert_true(cell.params.no_remedy);
}

static void words_and_delays_have_axes(void **state)
{
    assert_int_equal(parse("x/words/kib:32/by:atomic/delay:10000/load:max/stack:64k/P:1"), 0);
    assert_int_equal(cell.params.kib, 32);
    assert_string_equal(cell.params.by, "atomic");
    assert_int_equal(cell.params.delay, 10000);
    assert_string_equal(cell.params.load, "max");
    assert_string_equal(cell.params.stack, "64k");
}

static void the_stack_policy_may_be_left_out(void **state)
{
    assert_int_equal(parse("x/words/kib:1/by:owner/delay:0/load:25/P:1/place:scatter"), 0);
    assert_null(cell.params.stack);
    assert_int_equal(cell.params.stack_bytes, 0);
}

struct refusal {
    const char *name;
    const char *message; /* a part of it */
};

static const struct refusal refusals[] = {
    {"", "no workload"},
    {"spawn", "no workload 'spawn'"},
    {"spawn/", "no workload"},
    {"/storm/n:1/temp:warm/P:1", "no workload"},
    {"spawn/storms/n:1/temp:warm/P:1", "there are: spawn/storm, switch/pair"},
    {"spaw/storm/n:1/temp:warm/P:1", "no workload"},
    {"spawn/storm", "axis 'n' is missing"},
    {"spawn/storm/n:1/temp:warm", "axis 'P' is missing"},
    {"spawn/storm/n:1/P:1", "axis 'temp' is missing"},
    {"spawn/storm/n:1/temp:warm/P:1/", "not key:value"},
    {"spawn/storm//n:1/temp:warm/P:1", "not key:value"},
    {"spawn/storm/n/temp:warm/P:1", "not key:value"},
    {"spawn/storm/n:/temp:warm/P:1", "not a plain decimal"},
    {"spawn/storm/n:-1/temp:warm/P:1", "not a plain decimal"},
    {"spawn/storm/n:01/temp:warm/P:1", "not a plain decimal"},
    {"spawn/storm/n:1:2/temp:warm/P:1", "not a plain decimal"},
    {"spawn/storm/n:0x10/temp:warm/P:1", "not a plain decimal"},
    {"spawn/storm/n:0/temp:warm/P:1", "not within"},
    {"spawn/storm/n:100000001/temp:warm/P:1", "not within"},
    {"spawn/storm/n:18446744073709551617/temp:warm/P:1", "not within"},
    {"spawn/storm/n:99999999999999999999999999999999/temp:warm/P:1", "not within"},
    {"spawn/storm/n:1/temp:hot/P:1", "neither temp:warm nor temp:cold"},
    {"wake/all/k:1/cs:0/h:4/remedy:of/P:1", "neither remedy:on nor remedy:off"},
    {"wake/all/k:1/cs:0/h:4/P:1", "axis 'remedy' is missing"},
    {"wake/all/k:0/cs:0/h:4/remedy:on/P:1", "not within"},
    {"wake/all/k:1/h:4/cs:0/remedy:on/P:1", "out of order"},
    {"spawn/storm/n:1/temp:warm/P:0", "not within"},
    {"spawn/storm/temp:warm/n:1/P:1", "out of order"},
    {"spawn/storm/n:1/n:1/temp:warm/P:1", "repeated"},
    {"spawn/storm/n:1/temp:warm/P:1/P:1", "repeated"},
    {"spawn/storm/n:1/temp:warm/P:1/cap:1", "no axis 'cap'"},
    {"spawn/storm/n:1/temp:warm/p:1", "no axis 'p'"},
    {"spawn/storm/n:1/temp:warm/P:1/place:smt", "not one of: none compact scatter"},
    {"spawn/storm/n:1/temp:warm/P:1/place:none", "leave out place:none"},
    {"switch/pair/cap:0/P:2/place:free", "leave out place:free"},
    {"switch/pair/cap:0/P:2/place:same-pu", "needs P:1"},
    {"switch/pair/cap:0/P:1/place:smt", "needs P:2"},
    {"x/words/kib:1/by:luck/delay:0/load:25/P:1", "by:luck is not one of: mutex atomic owner"},
    {"x/words/kib:1/by:/delay:0/load:25/P:1", "is not one of"},
    {"x/words/kib:1/by:owner/delay:0/load:2/P:1", "is not one of: 25 50 80 max"},
    {"x/words/kib:1/by:owner/delay:0/load:25/stack:8k/P:1", "is not one of: small 64k"},
    {"x/words/kib:1/by:owner/delay:0/stack:small/load:25/P:1", "out of order"},
    {"x/words/kib:1/delay:0/load:25/P:1", "axis 'by' is missing"},
    {"x/words/kib:1/by:owner/delay:1000001/load:25/P:1", "not within"},
    {"x/picky/n:3/bytes:1024/P:1", "n must be even"},
    {"x/picky/n:2/bytes:1023/P:1", "not within"},
    {"spawn/storm/n:1 /temp:warm/P:1", "byte 0x20"},
    {"spawn/storm/n:1\n/temp:warm/P:1", "byte 0x0a"},
    {"spawn/\x1b[31mstorm", "byte 0x1b at position 7"},
    {"spawn/storm/n:%s%n/temp:warm/P:1", "byte 0x25"},
    {"../../etc/passwd", "byte 0x2e"},
    {"`reboot`/x", "byte 0x60"},
    {"spawn/st\xc3\xb6rm", "byte 0xc3"},
};

static void anything_else_is_refused_and_says_why(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];

        if (parse(r->name) == 0 || !strstr(error, r->message))
            fail_msg("'%s' gave '%s', not '%s'", r->name, error, r->message);
        if (strpbrk(error, "\n\r\x1b"))
            fail_msg("'%s' leaves control characters in '%s'", r->name, error);
    }
}

static void a_name_that_is_too_long_is_refused_by_its_length(void **state)
{
    static char name[1 << 20];

    memset(name, 'a', sizeof name - 1);
    assert_int_not_equal(parse(name), 0);
    assert_non_null(strstr(error, "longer than"));
    memset(name, '/', sizeof name - 1);
    assert_int_not_equal(parse(name), 0);
    name[CELL_NAME_MAX] = '\0';
    assert_int_not_equal(parse(name), 0);
    assert_non_null(strstr(error, "no workload"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_name_gives_its_values),
        cmocka_unit_test(what_a_name_leaves_out_has_its_default),
        cmocka_unit_test(a_placed_pair_is_pinned_to_its_slots),
        cmocka_unit_test(sections_hogs_and_their_remedy_have_axes),
        cmocka_unit_test(words_and_delays_have_axes),
        cmocka_unit_test(the_stack_policy_may_be_left_out),
        cmocka_unit_test(anything_else_is_refused_and_says_why),
        cmocka_unit_test(a_name_that_is_too_long_is_refused_by_its_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
