/* The histogram of latencies, against sorted values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../histogram.h"

enum { COUNT = 20000 };

static struct histogram h;
static int64_t values[COUNT];

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t exact(unsigned permille)
{
    return values[((uint64_t)COUNT * permille + 999) / 1000 - 1];
}

static void assert_within_one_percent(int64_t got, int64_t wanted)
{
    if (llabs(got - wanted) * 100 > wanted)
        fail_msg("%lld instead of %lld", (long long)got, (long long)wanted);
}

static void an_empty_histogram_has_only_zeros(void **state)
{
    histogram_clear(&h);
    assert_int_equal(h.count, 0);
    assert_int_equal(h.max, 0);
    assert_int_equal(histogram_quantile(&h, 500), 0);
}

static void one_value_is_every_quantile(void **state)
{
    histogram_clear(&h);
    histogram_add(&h, 123456789);
    assert_within_one_percent(histogram_quantile(&h, 1), 123456789);
    assert_int_equal(histogram_quantile(&h, 500), histogram_quantile(&h, 999));
    assert_true(histogram_quantile(&h, 999) <= h.max);
    assert_int_equal(h.max, 123456789);
}

static void small_values_are_exact(void **state)
{
    histogram_clear(&h);
    for (int64_t v = 1; v <= 200; v++)
        histogram_add(&h, v);
    assert_int_equal(histogram_quantile(&h, 500), 100);
    assert_int_equal(histogram_quantile(&h, 990), 198);
    assert_int_equal(histogram_quantile(&h, 995), 199);
    assert_int_equal(h.max, 200);
}

static void no_value_is_off_by_more_than_one_percent(void **state)
{
    for (int64_t v = 1; v < INT64_C(1) << 44; v += v / 61 + 1) {
        histogram_clear(&h);
        histogram_add(&h, v);
        histogram_add(&h, INT64_C(1) << 44);
        assert_within_one_percent(histogram_quantile(&h, 500), v);
    }
}

static void each_power_of_two_and_its_neighbours_are_in_order(void **state)
{
    for (unsigned bit = 1; bit < 44; bit++) {
        const int64_t at = INT64_C(1) << bit;

        histogram_clear(&h);
        histogram_add(&h, at - 1);
        histogram_add(&h, at);
        histogram_add(&h, INT64_C(1) << 44);
        assert_within_one_percent(histogram_quantile(&h, 333), at - 1);
        assert_within_one_percent(histogram_quantile(&h, 666), at);
        assert_true(histogram_quantile(&h, 333) < histogram_quantile(&h, 666));
    }
}

/* From nanoseconds to minutes, most of them short, as latencies are. */
static void quantiles_are_those_of_the_sorted_values(void **state)
{
    uint64_t x = 88172645463325252u;

    histogram_clear(&h);
    for (unsigned i = 0; i < COUNT; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        values[i] = (int64_t)(x >> (24 + x % 36)) + 1;
        histogram_add(&h, values[i]);
    }
    qsort(values, COUNT, sizeof values[0], by_value);
    assert_int_equal(h.count, COUNT);
    assert_int_equal(h.max, values[COUNT - 1]);
    for (unsigned permille = 1; permille <= 1000; permille++)
        assert_within_one_percent(histogram_quantile(&h, permille), exact(permille));
}

static void values_out_of_range_count_at_the_ends(void **state)
{
    histogram_clear(&h);
    histogram_add(&h, -5);
    histogram_add(&h, INT64_MAX);
    assert_int_equal(histogram_quantile(&h, 500), 0);
    assert_int_equal(h.max, INT64_MAX);
    assert_true(histogram_quantile(&h, 1000) > INT64_C(1) << 43);
}

static void what_is_put_are_the_buckets_that_are_not_empty(void **state)
{
    char text[64] = "";
    FILE *out = fmemopen(text, sizeof text, "w");

    assert_non_null(out);
    histogram_clear(&h);
    histogram_put(out, &h);
    histogram_add(&h, 7);
    histogram_add(&h, 256);
    histogram_add(&h, 257);
    histogram_add(&h, INT64_MAX);
    histogram_put(out, &h);
    fclose(out);
    assert_string_equal(text, "[][7,1,256,2,4863,1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_histogram_has_only_zeros),
        cmocka_unit_test(one_value_is_every_quantile),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(no_value_is_off_by_more_than_one_percent),
        cmocka_unit_test(each_power_of_two_and_its_neighbours_are_in_order),
        cmocka_unit_test(quantiles_are_those_of_the_sorted_values),
        cmocka_unit_test(values_out_of_range_count_at_the_ends),
        cmocka_unit_test(what_is_put_are_the_buckets_that_are_not_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
