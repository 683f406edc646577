/* Waiting for the first of several sends and receives.
 *
 *   1. Lock all channels, in the order of their addresses, so that two selects
 *      cannot lock each other out.
 *   2. Choose among the cases that are possible now, each as likely as the
 *      others, and do it.
 *   3. If there is none, put one contested waiter per case on the channels and
 *      park; the hook unlocks them all. Whoever makes a case possible must win
 *      the task's claim (waitq.h), so exactly one does.
 *   4. Woken, take the other waiters off.
 *
 * The waiters are in the caller's array of cases: a select allocates nothing.
 * The hook reads the array until it has unlocked the last channel, and the
 * task, which may be woken as soon as the first is unlocked, must lock each
 * channel but the winner's in step 4; if the winner's is the last, the hook is
 * done. So the array is there for as long as the hook needs it.
 *
 * The scheme is that of Go's runtime (runtime/select.go).
 */
#include <errno.h>

#include "chan.h"
#include "os_linux.h"

#define MAX_CASES 65536

/* What a gt_case keeps in private_. */
struct place {
    struct gti_waiter waiter; /* first: a winner is found by its address */
    struct gt_case *next;     /* in the order of locking */
};

static_assert(sizeof(struct place) <= sizeof(((gt_case *)0)->private_), "fits into gt_case");

GTI_INLINE struct place *place_of(gt_case *c)
{
    return (struct place *)(void *)c->private_;
}

/* ---- the order of locking ------------------------------------------------- */

static gt_case *merge(gt_case *a, gt_case *b)
{
    gt_case *first = NULL, **tail = &first;
    while (a && b) {
        gt_case **least = (uintptr_t)a->chan <= (uintptr_t)b->chan ? &a : &b;
        *tail = *least;
        tail = &place_of(*least)->next;
        *least = *tail;
    }
    *tail = a ? a : b;
    return first;
}

static gt_case *sort_many(gt_case *cases, int n)
{
    if (n == 1) {
        place_of(cases)->next = NULL;
        return cases->op == GT_OFF ? NULL : cases;
    }
    return merge(sort_many(cases, n / 2), sort_many(cases + n / 2, n - n / 2));
}

static gt_case *sort_few(gt_case *cases, int n)
{
    gt_case *first = NULL;
    for (gt_case *c = cases; c < cases + n; c++) {
        if (c->op == GT_OFF)
            continue;
        gt_case **at = &first;
        while (*at && (uintptr_t)(*at)->chan < (uintptr_t)c->chan)
            at = &place_of(*at)->next;
        place_of(c)->next = *at;
        *at = c;
    }
    return first;
}

#define FEW 8

/* The cases that take part, linked in the order of their channels' addresses. */
GTI_INLINE gt_case *sort(gt_case *cases, int n)
{
    return gti_likely(n <= FEW) ? sort_few(cases, n) : sort_many(cases, n);
}

/* The next case on another channel. */
GTI_INLINE gt_case *next_channel(gt_case *c)
{
    gt_chan *ch = c->chan;
    do
        c = place_of(c)->next;
    while (c && c->chan == ch);
    return c;
}

GTI_INLINE void lock_all(gt_case *first)
{
    for (gt_case *c = first; c; c = next_channel(c))
        gti_chan_lock(c->chan, "gt_select");
}

GTI_INLINE void unlock_all(gt_case *first)
{
    gt_case *next;
    for (gt_case *c = first; c; c = next) {
        gt_chan *ch = c->chan;
        next = next_channel(c);
        gti_spin_unlock(ch->recvq.lock_);
    }
}

/* Hook. */
static void unlock_hook(struct gti_worker *w, void *first)
{
    (void)w;
    unlock_all(first);
}

/* ---- cases that are possible now ------------------------------------------ */

/* Is there a waiter whose claim could be won? Those that are lost go. */
GTI_INLINE bool has_waiter(gt_waitq *q)
{
    while (gti_waitq_is_contested(q)) {
        struct gti_waiter *wt = gti_waitq_first(q);
        if (GTI_LOAD(gti_waiter_task(wt)->claim, relaxed) == 0u)
            return true;
        gti_waitq_unlink_first(q);
        wt->prev = GTI_OFF_QUEUE;
    }
    return q->head_ != NULL;
}

GTI_INLINE bool is_possible(const gt_case *c)
{
    gt_chan *ch = c->chan;
    if (ch->closed)
        return true;
    if (c->op == GT_SEND)
        return ch->room != 0 || has_waiter(&ch->recvq);
    return ch->filled != 0 || has_waiter(&ch->sendq);
}

/* xorshift; where it runs does not matter. */
static uint32_t random_below(uint32_t n)
{
    static __thread uint32_t state;
    uint32_t x = state ? state : (uint32_t)((uintptr_t)&state >> 4) | 1u;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    state = x;
    return (uint32_t)((uint64_t)x * n >> 32);
}

/* Any of the possible cases, or NULL. */
static gt_case *choose(gt_case *first)
{
    gt_case *chosen = NULL;
    uint32_t possible = 0;
    for (gt_case *c = first; c; c = place_of(c)->next)
        if (is_possible(c) && (++possible == 1 || random_below(possible) == 0))
            chosen = c;
    return chosen;
}

static int attempt(gt_case *c, struct gti_task **ret_wake)
{
    if (c->op == GT_SEND)
        return gti_chan_put(c->chan, c->elem, ret_wake);
    return gti_chan_take(c->chan, c->elem, ret_wake);
}

/* The case that was done, or NULL. A waiter that looked as if it could be had
 * may be lost to the clock or to another select; then there is less to choose
 * from. */
static gt_case *do_one(gt_case *first, struct gti_task **ret_wake)
{
    gt_case *c;
    while ((c = choose(first)) != NULL) {
        c->result = attempt(c, ret_wake);
        if (c->result != -EAGAIN)
            return c;
    }
    return NULL;
}

/* ---- waiting --------------------------------------------------------------- */

GTI_INLINE gt_waitq *queue_of(const gt_case *c)
{
    return c->op == GT_SEND ? &c->chan->sendq : &c->chan->recvq;
}

static void enqueue(gt_case *first, struct gti_task *self)
{
    for (gt_case *c = first; c; c = place_of(c)->next) {
        gti_waiter_contest(&place_of(c)->waiter, self, c->elem);
        gti_waitq_push(queue_of(c), &place_of(c)->waiter);
    }
}

/* All but the winner's channel: see the head of the file. */
static void dequeue(gt_case *first, const gt_case *winner)
{
    gt_case *next;
    for (gt_case *c = first; c; c = next) {
        gt_chan *ch = c->chan;
        next = next_channel(c);
        if (winner && ch == winner->chan && place_of(c)->next == next)
            continue; /* the winner is alone on its channel */
        gti_spin_lock(ch->recvq.lock_);
        for (gt_case *same = c; same != next; same = place_of(same)->next)
            gti_waitq_remove(queue_of(same), &place_of(same)->waiter);
        gti_spin_unlock(ch->recvq.lock_);
    }
}

/* The channels are locked; nothing is possible. */
static int wait(struct gti_worker *w, gt_case *cases, gt_case *first, int64_t deadline)
{
    struct gti_task *self = gti_park_self(w);
    self->wait_kind = GTI_WAIT_SELECT;
    gti_task_contest(self); /* for the clock, if all cases are off */
    enqueue(first, self);
    int result = gti_park_until(w, unlock_hook, first, deadline);
    gt_case *winner = NULL;
    if (result != -ETIMEDOUT) {
        char *waiter = (char *)self->wait.next;
        winner = (gt_case *)(void *)(waiter - offsetof(gt_case, private_));
        winner->result = result;
    }
    dequeue(first, winner);
    return winner ? (int)(winner - cases) : -ETIMEDOUT;
}

/* ---- the calls -------------------------------------------------------------- */

static bool are_valid(const gt_case *cases, int n)
{
    if (!cases || n < 1 || n > MAX_CASES)
        return false;
    for (const gt_case *c = cases; c < cases + n; c++)
        if (c->op != GT_OFF && ((c->op != GT_SEND && c->op != GT_RECV) || !c->chan || !c->elem))
            return false;
    return true;
}

/* The index of the case that was done, or -EAGAIN with the channels locked. */
static int select_now(gt_case *cases, int n, gt_case **ret_first)
{
    struct gti_task *wake = NULL;
    gt_case *first = sort(cases, n);
    *ret_first = first;
    lock_all(first);
    gt_case *done = do_one(first, &wake);
    if (!done)
        return -EAGAIN;
    unlock_all(first);
    if (wake)
        gti_ready(gti_worker_self(), wake, 0);
    return (int)(done - cases);
}

int gt_try_select(gt_case *cases, int n)
{
    gt_case *first;
    if (!are_valid(cases, n))
        return -EINVAL;
    int done = select_now(cases, n, &first);
    if (done == -EAGAIN)
        unlock_all(first);
    return done;
}

int gt_select(gt_case *cases, int n, int64_t deadline)
{
    gt_case *first;
    if (!are_valid(cases, n))
        return -EINVAL;
    int done = select_now(cases, n, &first);
    if (done != -EAGAIN)
        return done;
    if (deadline <= 0 || (deadline != INT64_MAX && deadline <= gti_os_now())) {
        unlock_all(first);
        return -ETIMEDOUT;
    }
    return wait(gti_worker_self(), cases, first, deadline);
}
