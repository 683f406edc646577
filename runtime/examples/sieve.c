/* The prime sieve: a chain of tasks joined by channels.
 *
 *   numbers -> [not by 2] -> [not by 3] -> [not by 5] -> ... -> main task
 *
 * The first task sends 2, 3, 4, ... What arrives at the end of the chain is
 * divisible by no prime found so far, so it is the next prime, and a filter
 * for it is added to the chain.
 *
 *   sieve [COUNT]      the first COUNT primes, by default 25 */
#include <gt/gt.h>
#include <stdio.h>
#include <stdlib.h>

struct stage {
    gt_chan *in, *out;
    int prime;
    struct stage *next; /* in the list of all, for freeing them */
};

/* -EPIPE from a send says that the receiver has closed the channel: it wants
 * no more. Each stage passes that on to the one before. */
static void count_up(void *arg)
{
    struct stage *s = arg;
    int number = 2;
    while (gt_chan_send(s->out, &number) == 0)
        number++;
}

static void filter(void *arg)
{
    struct stage *s = arg;
    int number;
    while (gt_chan_recv(s->in, &number) == 0)
        if (number % s->prime != 0 && gt_chan_send(s->out, &number) != 0)
            break;
    gt_chan_close(s->in);
}

/* A task that reads `in`; NULL when memory is short. */
static struct stage *add_stage(gt_group *group, gt_fn *fn, gt_chan *in, int prime)
{
    struct stage *s = malloc(sizeof *s);
    if (!s)
        return NULL;
    /* Capacity 0: a send waits for its receiver. With some capacity each task
     * does more before it waits, which is faster and finds the same primes. */
    *s = (struct stage){.in = in, .out = gt_chan_create(sizeof(int), 0), .prime = prime};
    if (s->out && gt_group_spawn(group, fn, s, NULL) == 0)
        return s;
    gt_chan_destroy(s->out);
    free(s);
    return NULL;
}

static void free_stages(struct stage *s)
{
    while (s) {
        struct stage *next = s->next;
        gt_chan_destroy(s->out);
        free(s);
        s = next;
    }
}

static void main_task(void *arg)
{
    int wanted = *(int *)arg, prime;
    gt_group tasks = {0};
    struct stage *last = add_stage(&tasks, count_up, NULL, 0), *added = last;

    for (int i = 0; added && i < wanted && gt_chan_recv(last->out, &prime) == 0; i++) {
        printf("%d\n", prime);
        added = add_stage(&tasks, filter, last->out, prime);
        if (added) {
            added->next = last;
            last = added;
        }
    }
    if (!added)
        fputs("no memory for another filter\n", stderr);
    if (last)
        gt_chan_close(last->out);
    gt_group_wait(&tasks);
    free_stages(last);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 25;
    if (count < 1 || count > 100000) {
        fputs("usage: sieve [COUNT]      1 to 100000\n", stderr);
        return 64;
    }
    int64_t left = gt_run(NULL, main_task, &count);
    if (left < 0)
        fprintf(stderr, "cannot start: %s\n", gt_start_error());
    return left == 0 ? 0 : 1;
}
