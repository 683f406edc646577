/* What test_gdb.py stops and looks at: tasks in every state. */
#include <gt/gt.h>
#include <stdio.h>

int reached(int tasks);

static gt_chan *never;

__attribute__((noinline)) static int inner_wait(int depth)
{
    int element = 0;
    if (depth > 0)
        return inner_wait(depth - 1) + 1;
    gt_chan_recv(never, &element);
    return element;
}

static void waiter(void *arg)
{
    *(int *)arg = inner_wait(3);
}

static void sleeper(void *arg)
{
    (void)arg;
    gt_sleep_until(GT_NEVER);
}

/* Ends before the debugger stops the program. */
static void yielder(void *arg)
{
    for (int i = 0; i < 300; i++)
        gt_yield();
    *(int *)arg = 1;
}

static void never_run(void *arg)
{
    (void)arg;
}

/* The debugger stops here, in a task. */
__attribute__((noinline)) int reached(int tasks)
{
    printf("%d tasks\n", tasks);
    return tasks;
}

static void stopper(void *arg)
{
    static int results[100];
    gt_attr named = {.name = "a-named-sleeper"};
    for (int i = 0; i < 100; i++)
        gt_spawn(waiter, &results[i], NULL);
    gt_spawn(sleeper, NULL, &named);
    int yielded = 0;
    gt_spawn(yielder, &yielded, NULL);
    while (!*(volatile int *)&yielded)
        gt_yield();
    gt_spawn(never_run, NULL, NULL);
    *(int *)arg = reached(103);
}

int main(void)
{
    gt_config config = {.workers = 1, .hog_ns = -1}; /* a stop is no hog */
    int answer = 0;
    never = gt_chan_create(sizeof(int), 0);
    return gt_run(&config, stopper, &answer) >= 0 && answer == 103 ? 0 : 1;
}
