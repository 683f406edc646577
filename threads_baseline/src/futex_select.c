/* Select on futexes.
 *
 *   1. Try the cases one by one, from a random one on, each under the lock of
 *      its channel alone. If something is ready that is all, at the price of
 *      a try.
 *   2. Lock all channels, in the order of their addresses, and try again.
 *   3. Nothing is ready: queue a node on each channel, unlock all, and wait as
 *      a send or receive does, polling first.
 *   4. Take the other nodes off, one channel at a time.
 *
 * Why all locks at once in step 2 and 3: a select that queued itself channel by
 * channel could be won by a partner while it looks at the next one, and two
 * selects that meet each other would each have to win both. With all locks held
 * a select is either not yet to be seen, or waits.
 *
 * Why no wake-up is lost: under all locks it either finds a case ready or is
 * queued everywhere; whoever makes one ready afterwards does so under one of
 * these locks, finds the node and wins the selection, unless somebody else
 * has, and then this select is about to go on. A deadline is one more that
 * competes for the selection.
 */
#include "base.h"
#include "futex_chan.h"
#include "select.h"

#include <errno.h>

/* What is left to do once the locks are released. */
struct meeting {
    struct tbi_node *partner; /* NULL: nothing */
    void *to;                 /* NULL: nothing to copy */
    const void *from;
};

struct select {
    struct tb_futex_case *cases;
    int n;
    int first; /* the case to look at first */
    unsigned char order[TB_MAX_CASES];
};

static bool try_send(struct tb_futex_case *c, struct meeting *m)
{
    struct tb_futex_chan *chan = c->chan;

    c->result = 0;
    if (tbi_chan_closed(chan)) {
        c->result = -EPIPE;
        return true;
    }
    m->partner = tbi_dequeue(&chan->receivers);
    if (m->partner != NULL) {
        m->to = m->partner->elem;
        m->from = c->elem;
        return true;
    }
    if (tbi_chan_count(chan) == chan->slots)
        return false;
    tbi_chan_put(chan, c->elem);
    return true;
}

static bool try_recv(struct tb_futex_case *c, struct meeting *m)
{
    struct tb_futex_chan *chan = c->chan;
    bool ring = tbi_chan_count(chan) > 0;

    c->result = 0;
    if (ring)
        tbi_chan_get(chan, c->elem);
    m->partner = tbi_dequeue(&chan->senders);
    if (m->partner != NULL && ring) {
        tbi_chan_put(chan, m->partner->elem);
    } else if (m->partner != NULL) {
        m->to = c->elem;
        m->from = m->partner->elem;
    } else if (!ring && tbi_chan_closed(chan)) {
        c->result = -EPIPE;
        return true;
    }
    return ring || m->partner != NULL;
}

/* Under the channel's lock. */
static bool try_case(struct tb_futex_case *c, struct meeting *m)
{
    return c->op == TB_SEND ? try_send(c, m) : try_recv(c, m);
}

static void meet(const struct tb_futex_case *c, const struct meeting *m)
{
    if (m->to != NULL)
        memcpy(m->to, m->from, c->chan->elem_size);
    if (m->partner != NULL)
        tbi_waiter_complete(m->partner, 0);
}

/* The index of a case that could be done, or -1. */
static int try_each(const struct select *s)
{
    for (int k = 0; k < s->n; k++) {
        int i = s->first + k < s->n ? s->first + k : s->first + k - s->n;
        struct tb_futex_case *c = &s->cases[i];
        struct meeting m = {NULL, NULL, NULL};

        tbi_lock(&c->chan->lock);
        bool done = try_case(c, &m);
        tbi_unlock(&c->chan->lock);
        if (done) {
            meet(c, &m);
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
            tbi_lock(&s->cases[s->order[k]].chan->lock);
}

static void unlock_all(const struct select *s)
{
    for (int k = s->n - 1; k >= 0; k--)
        if (!again(s, k))
            tbi_unlock(&s->cases[s->order[k]].chan->lock);
}

static struct tbi_queue *queue_of(const struct tb_futex_case *c)
{
    return c->op == TB_SEND ? &c->chan->senders : &c->chan->receivers;
}

/* Steps 2 and 3 up to the wait: the index of a case that was done after all,
 * or -1 with a node queued for each. */
static int queue_each(struct select *s, struct tbi_node *nodes, struct tbi_selection *selection)
{
    lock_all(s);
    for (int k = 0; k < s->n; k++) {
        int i = (s->first + k) % s->n;
        struct meeting m = {NULL, NULL, NULL};

        if (try_case(&s->cases[i], &m)) {
            unlock_all(s);
            meet(&s->cases[i], &m);
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
        struct tb_futex_case *c = &s->cases[i];

        if (&nodes[i] == chosen)
            continue;
        tbi_lock(&c->chan->lock);
        if (nodes[i].queued)
            tbi_unlink(queue_of(c), &nodes[i]);
        tbi_unlock(&c->chan->lock);
    }
}

static int wait_for_one(struct select *s, int64_t deadline)
{
    struct tbi_futex_selection selection = {.base.chosen = NULL};
    struct tbi_node nodes[TB_MAX_CASES];
    int i = queue_each(s, nodes, &selection.base);

    if (i >= 0)
        return i;
    if (!tbi_waiter_wait_until(&selection.waiter, deadline)) {
        if (tbi_claim(&selection.base)) {
            take_off(s, nodes, NULL);
            return -ETIMEDOUT;
        }
        tbi_waiter_wait_until(&selection.waiter, TB_NEVER); /* it is being completed */
    }
    const struct tbi_node *chosen = selection.base.chosen;
    i = (int)(chosen - nodes);
    s->cases[i].result = chosen->result;
    take_off(s, nodes, chosen);
    return i;
}

int tb_futex_chan_select(struct tb_futex_case *cases, int n, int64_t deadline)
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
