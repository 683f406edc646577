/* Two printers beside a main task that does not wait for them.
 *
 * When the main task returns, gt_run() stops the workers. The printers, which
 * would print for ever, are abandoned where they stand: they never run again,
 * nothing of theirs is unwound, and their stacks are freed. gt_run() says how
 * many such tasks there were. (A program that wants them to clean up tells
 * them to end and waits for that; printers.c shows the waiting.) */
#include <gt/gt.h>
#include <stdio.h>

#define MS INT64_C(1000000)

struct printer {
    const char *name;
    int64_t period;
    gt_chan *started;
};

static void print_for_ever(void *arg)
{
    /* Static, not on the main task's stack: that task is not going to wait. */
    const struct printer *p = arg;
    for (int line = 1;; line++) {
        gt_sleep_until(gt_now() + p->period);
        printf("%s %d\n", p->name, line);
        if (line == 1)
            gt_chan_send(p->started, &line);
    }
}

static void main_task(void *arg)
{
    static struct printer fast = {"fast", 10 * MS, NULL}, slow = {"slow", 30 * MS, NULL};
    gt_chan *started = arg;
    int line;

    fast.started = slow.started = started;
    if (gt_spawn(print_for_ever, &fast, NULL) != 0 || gt_spawn(print_for_ever, &slow, NULL) != 0)
        puts("no memory for a task");
    /* One line of each, then leave. */
    gt_chan_recv(started, &line);
    gt_chan_recv(started, &line);
    puts("the main task returns");
}

int main(void)
{
    gt_chan *started = gt_chan_create(sizeof(int), 2);
    int64_t left = gt_run(NULL, main_task, started);
    if (left < 0) {
        fprintf(stderr, "cannot start: %s\n", gt_start_error());
        return 1;
    }
    gt_chan_destroy(started);
    printf("%d tasks were left\n", (int)left);
    return 0;
}
