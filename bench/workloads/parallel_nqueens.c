/* parallel/nqueens: one operation is one solution of the n queens problem, all
 * of which are counted. The root spawns a task for each square of the first
 * row, each of those one for each free square of the second, and those search
 * what is below as plain calls: some n * n pieces of work of uneven length.
 *
 * Fork and join, with a group on the stack of whoever spawns. A pool offers it
 * too: its waiting threads run queued tasks, at most one search deep on top of
 * at most n groups.
 *
 * A spawn that is refused runs as a call, and is counted; above 1 % the cell
 * is a limit.
 */
#include "../task.h"
#include "../workload.h"

enum { SMALLEST = 4, LARGEST = 16, SPAWNING_ROWS = 2, TOLERATED_PERCENT = 1, ALONE = 3 };

/* A board with some rows filled: squares of the next row that are taken. */
struct board {
    uint32_t columns, left, right;
};

struct node {
    struct board board;
    uint32_t all; /* every column */
    uint32_t row;
    uint64_t solutions;
    uint32_t created, done, refused; /* in the tree below */
};

/* The refusal that ended the spawning, 0 before it; written once. */
static int refusal;
static uint64_t refused, tolerated; /* atomic; constant during a run */
static struct bench *bench;

static const uint64_t known[LARGEST + 1] = {
    [4] = 2,       [5] = 10,       [6] = 4,        [7] = 40,     [8] = 92,
    [9] = 352,     [10] = 724,     [11] = 2680,    [12] = 14200, [13] = 73712,
    [14] = 365596, [15] = 2279184, [16] = 14772512};

static inline struct board place(struct board b, uint32_t square)
{
    return (struct board){b.columns | square, (b.left | square) << 1, (b.right | square) >> 1};
}

static inline uint32_t open_squares(struct board b, uint32_t all)
{
    return all & ~(b.columns | b.left | b.right);
}

/* Not inlined: the same code whether it runs in tasks or alone. */
static __attribute__((noinline)) uint64_t search(struct board b, uint32_t all)
{
    uint64_t solutions = 0;

    if (b.columns == all)
        return 1;
    for (uint32_t open = open_squares(b, all); open; open &= open - 1)
        solutions += search(place(b, open & -open), all);
    return solutions;
}

/* Of all refusals, the first too many is the one that is looked into. */
static __attribute__((noinline, cold)) void refuse(struct node *node, int rc)
{
    node->refused++;
    if (__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED) != tolerated + 1)
        return;
    bench_limit(bench, 0, -rc);
    __atomic_store_n(&refusal, rc, __ATOMIC_RELEASE);
}

static void expand(struct node *node);

static void body(void *arg)
{
    struct node *node = arg;

    expand(node);
    node->done++;
}

static void add(struct node *node, const struct node *part)
{
    node->solutions += part->solutions;
    node->created += part->created;
    node->done += part->done;
    node->refused += part->refused;
}

static void fork_and_join(struct node *node)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    struct node parts[LARGEST];
    task_group group;
    unsigned count = 0;
    int rc;

    task_group_init(&group);
    for (uint32_t open = open_squares(node->board, node->all); open; open &= open - 1) {
        struct node *part = &parts[count++];

        *part = (struct node){
            .board = place(node->board, open & -open), .all = node->all, .row = node->row + 1};
        rc = task_group_spawn(&group, body, part, &attr);
        node->created += rc == 0;
        if (__builtin_expect(rc != 0, 0)) {
            refuse(node, rc);
            expand(part);
        }
    }
    task_group_wait(&group);
    for (unsigned i = 0; i < count; i++)
        add(node, &parts[i]);
}

static void expand(struct node *node)
{
    if (node->row < SPAWNING_ROWS)
        fork_and_join(node);
    else
        node->solutions = search(node->board, node->all);
}

/* Of one tree: two queens in the first rows are two columns apart or more. */
static uint64_t spawns(uint64_t n)
{
    return n + (n - 1) * (n - 2);
}

static uint64_t unit(const struct params *p)
{
    return known[p->n];
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return p->n ? rounds * workload_mix(known[p->n]) : 0;
}

static const char *check(const struct params *p)
{
    if (p->n < SMALLEST || p->n > LARGEST)
        return "parallel/nqueens takes n:4 to n:16, below there is nothing to find";
    return NULL;
}

/* The whole search as one call, the fastest of a few. */
static double alone(uint32_t all, uint64_t solutions)
{
    int64_t best = INT64_MAX;

    for (unsigned i = 0; i < ALONE; i++) {
        const int64_t start = workload_now();
        int64_t took;

        if (search((struct board){0, 0, 0}, all) != solutions)
            return 0;
        took = workload_now() - start;
        best = took < best ? took : best;
    }
    return (double)best / (double)solutions;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    const uint32_t all = (UINT32_C(1) << p->n) - 1;
    struct ledger *l = bench_ledger(b);
    uint64_t sum = 0;

    bench = b;
    refusal = 0;
    refused = 0;
    tolerated = rounds * spawns(p->n) * TOLERATED_PERCENT / 100;
    bench_alone(b, alone(all, known[p->n]));
    bench_start(b);
    for (uint64_t i = 0; refusal == 0 && i < rounds; i++) {
        struct node root = {.all = all};

        expand(&root);
        sum += workload_mix(root.solutions);
        l->created += root.created;
        l->done += root.done;
        l->retries += root.refused;
    }
    bench_stop(b);
    return refusal ? 0 : sum;
}

const struct workload workload_parallel_nqueens = {
    .name = "parallel/nqueens",
    .axes = "n P place",
    .flags = WORKLOAD_VOID_LIMIT,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
