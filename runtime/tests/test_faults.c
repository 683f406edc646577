/* The handlers of SIGSEGV and SIGBUS share them with the program: what is not
 * an overflow goes to the handler that was there before, as if there were none
 * of ours, and one that is installed later stays. Each case is a child. */
#include "common.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sanitizer.h"

#if defined(GTI_ASAN) || defined(GTI_TSAN)
#define OWN_HANDLERS 1 /* the sanitizer's */
#else
#define OWN_HANDLERS 0
#endif

static size_t page_size;
static char *locked; /* two pages without access */
static volatile sig_atomic_t calls, mask_was_right;

static void make_locked(void)
{
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    locked = mmap(NULL, 2 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(locked != MAP_FAILED);
}

static void touch(void *arg)
{
    (void)arg;
    *(volatile char *)locked = 1;
}

static void touch_both(void *arg)
{
    touch(arg);
    *(volatile char *)(locked + page_size) = 1;
}

/* ---- handlers of the program ---------------------------------------------------------- */

/* What a garbage collector or a debugger of memory does. */
static void unlock_page(int sig, siginfo_t *info, void *context)
{
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    mask_was_right = sigismember(&now, SIGUSR2) && sigismember(&now, sig);
    CHECK(sig == SIGSEGV && context && (char *)info->si_addr >= locked);
    uintptr_t page = (uintptr_t)info->si_addr & ~(page_size - 1);
    CHECK(mprotect((void *)page, page_size, PROT_READ | PROT_WRITE) == 0);
    calls++;
}

static void plain_handler(int sig)
{
    CHECK(sig == SIGSEGV);
    CHECK(mprotect(locked, 2 * page_size, PROT_READ | PROT_WRITE) == 0);
    calls++;
}

static void install(int sig, void (*fn)(int, siginfo_t *, void *), struct sigaction *ret_before)
{
    struct sigaction action = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR2);
    CHECK(sigaction(sig, &action, ret_before) == 0);
}

__attribute__((noinline)) static int recurse(int depth)
{
    volatile char frame[200];
    frame[0] = (char)depth;
    return depth < 0 ? 0 : recurse(depth + 1) + frame[0];
}

static void overflow(void *arg)
{
    (void)arg;
    calls = (sig_atomic_t)recurse(0);
}

/* ---- passing on -------------------------------------------------------------------------- */

static void fault_twice_then_overflow(void *arg)
{
    (void)arg;
    make_locked();
    install(SIGSEGV, unlock_page, NULL);
    run_on(2, touch_both, NULL);
    CHECK(calls == 2 && mask_was_right);
    run_on(2, overflow, NULL);
}

static void a_handler_that_mends_the_fault_is_called_each_time(void **state)
{
    (void)state;
    assert_fatal(fault_twice_then_overflow, NULL, "stack overflow");
}

static void fault_with_plain_handler(void *arg)
{
    (void)arg;
    make_locked();
    signal(SIGSEGV, plain_handler);
    run_on(2, touch, NULL);
    CHECK(calls == 1);
}

static void a_handler_without_siginfo_is_called(void **state)
{
    (void)state;
    assert_fine(fault_with_plain_handler, NULL);
}

static void fault_although_ignored(void *arg)
{
    (void)arg;
    make_locked();
    signal(SIGSEGV, SIG_IGN);
    run_on(1, touch, NULL);
}

static void a_fault_kills_even_when_the_signal_is_ignored(void **state)
{
    (void)state;
    struct outcome o = in_child(fault_although_ignored, NULL);
    assert_true(!o.exited && o.code == SIGSEGV);
}

static void send_ignored(void *arg)
{
    (void)arg;
    signal(SIGSEGV, SIG_IGN);
    signal(SIGBUS, SIG_IGN);
    CHECK(gt_start(&(gt_config){.workers = 1}) == 0);
    CHECK(raise(SIGSEGV) == 0 && kill(getpid(), SIGBUS) == 0);
    CHECK(gt_stop() == 0);
}

static void a_signal_that_was_sent_can_be_ignored(void **state)
{
    (void)state;
    assert_fine(send_ignored, NULL);
}

static void send_default(void *arg)
{
    CHECK(gt_start(&(gt_config){.workers = 1}) == 0);
    raise(*(int *)arg);
}

static void a_signal_that_was_sent_kills_by_default(void **state)
{
    int sigs[] = {SIGSEGV, SIGBUS};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sigs); i++) {
        struct outcome o = in_child(send_default, &sigs[i]);
        assert_true(!o.exited && o.code == sigs[i]);
        assert_null(strstr(o.text, "gt: fatal"));
    }
}

/* ---- handlers that come later -------------------------------------------------------------- */

static struct sigaction ours;

/* Calls what it replaced, as a good handler does. */
static void call_ours(int sig, siginfo_t *info, void *context)
{
    if (++calls > 100)
        _exit(43); /* round and round */
    ours.sa_sigaction(sig, info, context);
}

static void install_later(void *arg)
{
    struct sigaction now;
    (void)arg;
    make_locked();
    install(SIGSEGV, unlock_page, NULL);
    CHECK(gt_start(&(gt_config){.workers = 1}) == 0);
    install(SIGSEGV, call_ours, &ours);
    CHECK(gt_stop() == 0);
    CHECK(sigaction(SIGSEGV, NULL, &now) == 0 && now.sa_sigaction == call_ours);
    touch(NULL); /* theirs, ours, the first */
    CHECK(calls == 2);
    /* Again: ours is still below theirs, and must not go above. */
    run_on(1, touch_both, NULL);
    CHECK(calls == 4);
    CHECK(sigaction(SIGSEGV, NULL, &now) == 0 && now.sa_sigaction == call_ours);
    run_on(1, overflow, NULL);
}

static void a_handler_that_is_installed_later_stays(void **state)
{
    (void)state;
    assert_fatal(install_later, NULL, "stack overflow");
}

static void reset_later(void *arg)
{
    (void)arg;
    CHECK(gt_start(&(gt_config){.workers = 1}) == 0);
    signal(SIGSEGV, SIG_DFL);
    CHECK(gt_stop() == 0);
    run_on(1, overflow, NULL); /* ours is installed again */
}

static void a_later_start_handles_faults_again(void **state)
{
    (void)state;
    assert_fatal(reset_later, NULL, "stack overflow");
}

static void refused_start(void *arg)
{
    struct sigaction now;
    (void)arg;
    make_locked();
    install(SIGSEGV, unlock_page, NULL);
    setenv("GT_WORKERS", "none", 1);
    CHECK(gt_start(NULL) < 0);
    unsetenv("GT_WORKERS");
    setenv("GT_TRACE", "/nowhere/x", 1);
    CHECK(gt_start(NULL) < 0);
    unsetenv("GT_TRACE");
    CHECK(sigaction(SIGSEGV, NULL, &now) == 0 && now.sa_sigaction == unlock_page);
    run_on(1, nothing, NULL);
    CHECK(sigaction(SIGSEGV, NULL, &now) == 0 && now.sa_sigaction == unlock_page);
}

static void a_start_that_is_refused_leaves_the_handlers(void **state)
{
    (void)state;
    assert_fine(refused_start, NULL);
}

/* ---- blocking calls -------------------------------------------------------------------------- */

static void overflow_blocking(void *arg)
{
    (void)arg;
    gt_set_name("blocked glutton");
    gt_blocking(overflow, NULL, GT_NEVER);
}

static void run_overflow_blocking(void *arg)
{
    run_on(*(int *)arg, overflow_blocking, NULL);
}

static void an_overflow_in_a_blocking_call_is_reported(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++)
        assert_fatal(run_overflow_blocking, &workers, "stack overflow in task blocked glutton");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_that_mends_the_fault_is_called_each_time),
        cmocka_unit_test(a_handler_without_siginfo_is_called),
        cmocka_unit_test(a_fault_kills_even_when_the_signal_is_ignored),
        cmocka_unit_test(a_signal_that_was_sent_can_be_ignored),
        cmocka_unit_test(a_signal_that_was_sent_kills_by_default),
        cmocka_unit_test(a_handler_that_is_installed_later_stays),
        cmocka_unit_test(a_later_start_handles_faults_again),
        cmocka_unit_test(a_start_that_is_refused_leaves_the_handlers),
        cmocka_unit_test(an_overflow_in_a_blocking_call_is_reported),
    };
    return OWN_HANDLERS ? 77 : cmocka_run_group_tests(tests, NULL, NULL);
}
