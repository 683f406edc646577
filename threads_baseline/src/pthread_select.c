/* Select by mutex and condition variable.
 *
 * First each case is tried under the lock of its channel alone. If none is
 * ready the select locks all channels, in the order of their addresses, tries
 * again, leaves a node with each and unlocks: futex_select.c argues why all at
 * once. Then it sleeps on a condition of its own, until a thread that sends,
 * receives or closes has won one of its nodes, moved the element and said so;
 * or until the deadline has won.
 *
 * The condition stands on the select's stack, so that it is signalled under
 * its mutex, against the rule of this library: after an unlock the select
 * could be gone. The woken thread may run into the mutex for the rest of a
 * section of some ten nanoseconds.
 *
 * The obvious alternative is that channels signal every select that looks at
 * them, which then tries again. It wakes threads for nothing, and two selects
 * that face each other over a rendezvous would never meet, since neither is
 * bound to take what the other offers.
 */
#include "base.h"
#include "pthread_chan.h"
#include "select.h"

#include <errno.h>

struct selection {
    struct tbi_selection base;
    pthread_mutex_t lock;
    pthread_cond_t decided;
    bool done; /* lock */
};

struct select {
    struct tb_case *cases;
    int n;
    int first; /* the case to look at first */
    unsigned char order[TB_MAX_CASES];
};

void tbi_select_complete(struct tbi_node *node, int result)
{
    struct selection *selection = (struct selection *)node->selection;

    pthread_mutex_lock(&selection->lock);
    node->result = result;
    selection->base.chosen = node;
    selection->done = true;
    pthread_cond_signal(&selection->decided);
    pthread_mutex_unlock(&selection->lock); /* the select may be gone from here on */
}

/* Under the channel's lock: whether the case happened. */
static bool try_case(struct tb_case *c, struct tbi_wakes *wakes)
{
    c->result = c->op == TB_SEND ? tbi_chan_offer(c->chan, c->elem, wakes)
                                 : tbi_chan_take(c->chan, c->elem, wakes);
    return c->result != -EAGAIN;
}

static int try_each(const struct select *s)
{
    for (int k = 0; k < s->n; k++) {
        int i = (s->first + k) % s->n;
        struct tb_case *c = &s->cases[i];
        struct tbi_wakes wakes = {.select = NULL};

        pthread_mutex_lock(&c->chan->lock);
        bool done = try_case(c, &wakes);
        pthread_mutex_unlock(&c->chan->lock);
        if (done) {
            tbi_chan_wake(c->chan, &wakes);
            return i;
        }
    }
    return -1;
}

/* A channel that stands in several cases comes several times in a row. */
static bool again(const struct select *s, int k)
{
    return k > 0 && s->cases[s->order[k]].chan == s->cases[s->order[k - 1]].chan;
}

static void lock_all(struct select *s)
{
    void *chan[TB_MAX_CASES];

    for (int i = 0; i < s->n; i++)
        chan[i] = s->cases[i].chan;
    tbi_lock_order(chan, s->n, s->order);
    for (int k = 0; k < s->n; k++)
        if (!again(s, k))
            pthread_mutex_lock(&s->cases[s->order[k]].chan->lock);
}

static void unlock_all(const struct select *s)
{
    for (int k = s->n - 1; k >= 0; k--)
        if (!again(s, k))
            pthread_mutex_unlock(&s->cases[s->order[k]].chan->lock);
}

static struct tbi_queue *queue_of(const struct tb_case *c)
{
    return c->op == TB_SEND ? &c->chan->sending : &c->chan->receiving;
}

/* The index of a case that was done after all, or -1 with a node for each. */
static int queue_each(struct select *s, struct tbi_node *nodes, struct tbi_selection *selection)
{
    lock_all(s);
    for (int k = 0; k < s->n; k++) {
        int i = (s->first + k) % s->n;
        struct tbi_wakes wakes = {.select = NULL};

        if (try_case(&s->cases[i], &wakes)) {
            unlock_all(s);
            tbi_chan_wake(s->cases[i].chan, &wakes);
            return i;
        }
    }
    for (int i = 0; i < s->n; i++) {
        nodes[i] = (struct tbi_node){.selection = selection, .elem = s->cases[i].elem};
        tbi_enqueue(queue_of(&s->cases[i]), &nodes[i]);
    }
    unlock_all(s);
    return -1;
}

static void take_off(const struct select *s, struct tbi_node *nodes, const struct tbi_node *chosen)
{
    for (int i = 0; i < s->n; i++) {
        struct tb_case *c = &s->cases[i];

        if (&nodes[i] == chosen)
            continue;
        pthread_mutex_lock(&c->chan->lock);
        if (nodes[i].queued)
            tbi_unlink(queue_of(c), &nodes[i]);
        pthread_mutex_unlock(&c->chan->lock);
    }
}

static void selection_init(struct selection *selection)
{
    pthread_condattr_t attr;

    tbi_check(pthread_mutex_init(&selection->lock, NULL), "pthread_mutex_init");
    tbi_check(pthread_condattr_init(&attr), "pthread_condattr_init");
    tbi_check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "pthread_condattr_setclock");
    tbi_check(pthread_cond_init(&selection->decided, &attr), "pthread_cond_init");
    pthread_condattr_destroy(&attr);
    selection->done = false;
    selection->base.chosen = NULL;
    atomic_init(&selection->base.claimed, false);
}

static void selection_destroy(struct selection *selection)
{
    pthread_cond_destroy(&selection->decided);
    pthread_mutex_destroy(&selection->lock);
}

/* The node that was served, or NULL once the deadline has won. */
static const struct tbi_node *await(struct selection *selection, int64_t deadline)
{
    const struct timespec until = {.tv_sec = deadline / 1000000000,
                                   .tv_nsec = deadline % 1000000000};

    pthread_mutex_lock(&selection->lock);
    while (!selection->done) {
        if (deadline == TB_NEVER) {
            pthread_cond_wait(&selection->decided, &selection->lock);
        } else if (pthread_cond_timedwait(&selection->decided, &selection->lock, &until) ==
                   ETIMEDOUT) {
            if (tbi_claim(&selection->base))
                break;
            deadline = TB_NEVER; /* it is being completed */
        }
    }
    pthread_mutex_unlock(&selection->lock);
    return selection->base.chosen;
}

static int wait_for_one(struct select *s, int64_t deadline)
{
    struct tbi_node nodes[TB_MAX_CASES];
    struct selection selection;

    selection_init(&selection);
    int i = queue_each(s, nodes, &selection.base);
    if (i < 0) {
        const struct tbi_node *chosen = await(&selection, deadline);

        i = chosen == NULL ? -ETIMEDOUT : (int)(chosen - nodes);
        if (chosen != NULL)
            s->cases[i].result = chosen->result;
        take_off(s, nodes, chosen);
    }
    selection_destroy(&selection);
    return i;
}

int tb_chan_select(struct tb_case *cases, int n, int64_t deadline)
{
    if (n < 1 || n > TB_MAX_CASES)
        return -EINVAL;
    struct select s;
    s.cases = cases;
    s.n = n;
    s.first = (int)tbi_random_below((unsigned)n);
    int i = try_each(&s);
    if (i >= 0)
        return i;
    return tbi_passed(deadline) ? -ETIMEDOUT : wait_for_one(&s, deadline);
}
