/* spawn/tree ("skynet"): one operation is one leaf of a tree of tasks, ten to
 * a node, n leaves in all. A leaf sends its number to its parent's unbuffered
 * channel, a node the sum of what its ten children sent to it; the root gets
 * n(n-1)/2. A node waits for its children before it destroys their channel.
 *
 * With the sums go the numbers of spawns and of messages below; how many tasks
 * have sent theirs and ended, a task leaves where its parent finds it once they
 * are joined. So nothing is shared but the word that a refused spawn sets. It is
 * the limit: nobody spawns any more, and a node receives from those children
 * that it has.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>

enum { ARITY = 10, LARGEST = 100000000 };

struct message {
    uint64_t sum;
    uint32_t created, received; /* tasks and messages below the sender */
};

struct node {
    task_chan *up;
    uint64_t first, leaves;
    uint64_t ended; /* tasks from this one down */
};

static int refusal; /* of the first spawn or channel that was refused; atomic */
static struct bench *bench;

/* Many may be refused at once; the first of them looks at the system, while
 * the tasks that fill it are alive. */
static __attribute__((noinline, cold)) void refuse(int rc)
{
    int none = 0;

    if (__atomic_compare_exchange_n(&refusal, &none, rc, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        bench_limit(bench, 0, -rc);
}

static void body(void *arg);

/* Spawns up to ten children; returns how many. */
static unsigned spawn_children(task_group *group, struct node *children, const struct node *parent,
                               task_chan *channel)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    const uint64_t each = parent->leaves / ARITY;
    unsigned i;

    for (i = 0; i < ARITY && __atomic_load_n(&refusal, __ATOMIC_RELAXED) == 0; i++) {
        int rc;

        children[i] =
            (struct node){.up = channel, .first = parent->first + i * each, .leaves = each};
        rc = task_group_spawn(group, body, &children[i], &attr);
        if (__builtin_expect(rc != 0, 0)) {
            refuse(rc);
            break;
        }
    }
    return i;
}

/* One message of each child; `loses`, for tests, the last of them. */
static void receive(task_chan *channel, struct message *sum, bool loses)
{
    struct message part;

    for (unsigned i = sum->created; i > 0; i--) {
        if (task_chan_recv(channel, &part) != 0 || (loses && i == 1))
            continue;
        sum->sum += part.sum;
        sum->created += part.created;
        sum->received += part.received + 1;
    }
}

/* Adds to *ended the tasks below that have. */
static struct message gather(const struct node *node, uint64_t *ended)
{
    struct message sum = {0};
    struct node children[ARITY];
    task_chan *channel = task_chan_create(sizeof sum, 0);
    task_group group;
    unsigned count;

    if (!channel) {
        refuse(-ENOMEM);
        return sum;
    }
    task_group_init(&group);
    count = sum.created = spawn_children(&group, children, node, channel);
    receive(channel, &sum, WORKLOAD_LOSES && node->leaves == ARITY && node->first == 0);
    task_group_wait(&group);
    for (unsigned i = 0; i < count; i++)
        *ended += children[i].ended;
    task_chan_destroy(channel);
    return sum;
}

static void body(void *arg)
{
    struct node *node = arg;
    struct message message = {.sum = node->first};
    uint64_t ended = 0;

    if (node->leaves > 1)
        message = gather(node, &ended);
    if (task_chan_send(node->up, &message) == 0)
        ended++;
    node->ended = ended;
}

static uint64_t unit(const struct params *p)
{
    return p->n;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return p->n ? rounds * workload_mix(p->n * (p->n - 1) / 2) : 0;
}

static const char *check(const struct params *p)
{
    uint64_t n = ARITY;

    while (n < p->n && n < LARGEST)
        n *= ARITY;
    return n == p->n ? NULL : "spawn/tree is ten children to a node: n is a power of 10, from n:10";
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    const struct node root = {.leaves = p->n};
    struct ledger *l = bench_ledger(b);
    uint64_t sum = 0;

    bench = b;
    refusal = 0;
    bench_start(b);
    for (uint64_t i = 0; refusal == 0 && i < rounds; i++) {
        const struct message all = gather(&root, &l->done);

        sum += workload_mix(all.sum);
        l->created += all.created;
        l->delivered += all.received;
    }
    bench_stop(b);
    l->sent = l->done;
    return refusal ? 0 : sum;
}

const struct workload workload_spawn_tree = {
    .name = "spawn/tree",
    .axes = "n P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_VOID_LIMIT,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
