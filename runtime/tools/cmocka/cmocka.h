/* The part of cmocka that this project's tests use, for builds for another
 * architecture, where the real one is seldom packaged. Native builds use the
 * real one, so that a test which passes here only by a fault of this stand-in
 * is found there.
 *
 * A failed assertion jumps back to cmocka_run_group_tests() on the stack of
 * the thread that runs it, as the real one's does. */
#ifndef GREENBENCH_CMOCKA_H
#define GREENBENCH_CMOCKA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct CMUnitTest {
    const char *name;
    void (*test_func)(void **state);
    int (*setup_func)(void **state);
    int (*teardown_func)(void **state);
    void *initial_state;
};

/* clang-format off */
#define cmocka_unit_test(f)                                 {#f, f, NULL, NULL, NULL}
#define cmocka_unit_test_setup(f, setup)                    {#f, f, setup, NULL, NULL}
#define cmocka_unit_test_teardown(f, teardown)              {#f, f, NULL, teardown, NULL}
#define cmocka_unit_test_setup_teardown(f, setup, teardown) {#f, f, setup, teardown, NULL}
/* clang-format on */

/* Returns how many tests failed; for main() to return. */
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cm_run_group(#tests, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
int cm_run_group(const char *group, const struct CMUnitTest *tests, size_t n,
                 int (*setup)(void **state), int (*teardown)(void **state));

void print_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

void cm_fail(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
void cm_skip(const char *file, int line) __attribute__((noreturn));
void cm_integers(uintmax_t a, uintmax_t b, int wanted_equal, const char *text, const char *file,
                 int line);
void cm_range(uintmax_t x, uintmax_t low, uintmax_t high, const char *text, const char *file,
              int line);
void cm_strings(const char *a, const char *b, int wanted_equal, const char *text, const char *file,
                int line);
void cm_memory(const void *a, const void *b, size_t size, const char *text, const char *file,
               int line);

#define fail_msg(...) cm_fail(__FILE__, __LINE__, __VA_ARGS__)
#define fail()        cm_fail(__FILE__, __LINE__, "fail()")
#define skip()        cm_skip(__FILE__, __LINE__)

#define assert_true(x)     ((x) ? (void)0 : cm_fail(__FILE__, __LINE__, "not true: %s", #x))
#define assert_false(x)    ((x) ? cm_fail(__FILE__, __LINE__, "not false: %s", #x) : (void)0)
#define assert_null(x)     ((x) ? cm_fail(__FILE__, __LINE__, "not NULL: %s", #x) : (void)0)
#define assert_non_null(x) ((x) ? (void)0 : cm_fail(__FILE__, __LINE__, "NULL: %s", #x))
#define assert_int_equal(a, b)                                                                     \
    cm_integers((uintmax_t)(a), (uintmax_t)(b), 1, #a " == " #b, __FILE__, __LINE__)
#define assert_int_not_equal(a, b)                                                                 \
    cm_integers((uintmax_t)(a), (uintmax_t)(b), 0, #a " != " #b, __FILE__, __LINE__)
#define assert_ptr_equal(a, b)                                                                     \
    cm_integers((uintptr_t)(a), (uintptr_t)(b), 1, #a " == " #b, __FILE__, __LINE__)
#define assert_ptr_not_equal(a, b)                                                                 \
    cm_integers((uintptr_t)(a), (uintptr_t)(b), 0, #a " != " #b, __FILE__, __LINE__)
#define assert_in_range(x, low, high)                                                              \
    cm_range((uintmax_t)(x), (uintmax_t)(low), (uintmax_t)(high), #x " in [" #low ", " #high "]",  \
             __FILE__, __LINE__)
#define assert_string_equal(a, b) cm_strings(a, b, 1, #a " equals " #b, __FILE__, __LINE__)
#define assert_string_not_equal(a, b)                                                              \
    cm_strings(a, b, 0, #a " differs from " #b, __FILE__, __LINE__)
#define assert_memory_equal(a, b, size) cm_memory(a, b, size, #a " equals " #b, __FILE__, __LINE__)

#ifdef __cplusplus
}
#endif

#endif
