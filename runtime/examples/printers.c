/* Two printers beside a main task that waits for both.
 *
 * One prints every 10 ms, the other every 30 ms. Neither blocks an OS thread
 * while it sleeps: the sleep only takes the task off its worker. */
#include <gt/gt.h>
#include <stdio.h>

#define MS INT64_C(1000000) /* in nanoseconds, as all times in gt.h */

struct printer {
    const char *name;
    int64_t period;
    int lines;
};

/* A task is a function with one argument, and ends when it returns. */
static void print_lines(void *arg)
{
    const struct printer *p = arg;
    int64_t next = gt_now();
    for (int i = 1; i <= p->lines; i++) {
        /* An absolute deadline does not drift: what printing took is not
         * added to each period. */
        next += p->period;
        gt_sleep_until(next);
        printf("%s %d\n", p->name, i);
    }
}

static void main_task(void *arg)
{
    (void)arg;
    /* They may live on this stack, because this task outlives its children:
     * it waits for them. */
    struct printer fast = {"fast", 10 * MS, 6}, slow = {"slow", 30 * MS, 2};
    gt_group printers = {0};

    if (gt_group_spawn(&printers, print_lines, &fast, NULL) != 0 ||
        gt_group_spawn(&printers, print_lines, &slow, NULL) != 0)
        puts("no memory for a task");
    gt_group_wait(&printers);
    puts("both printers are done");
}

int main(void)
{
    /* Start the workers, run the main task, stop. The result is a negative
     * errno, or how many tasks had not finished. */
    int64_t left = gt_run(NULL, main_task, NULL);
    if (left < 0) {
        fprintf(stderr, "cannot start: %s\n", gt_start_error());
        return 1;
    }
    printf("%d tasks were left\n", (int)left);
    return 0;
}
