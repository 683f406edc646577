/* A queue of waiters, of which some wait in several queues at once.
 *
 * A node stands on the stack of the thread that waits, and is put on and taken
 * off under the lock of the channel that the queue belongs to. A thread that
 * waits for one channel has one node, and whoever takes it off owns it. A
 * select has a node in the queue of each of its channels, and only one of them
 * may be used: whoever takes one off must also win the selection, by the
 * exchange of `claimed`. Nodes of a selection that is already won are dropped
 * on the way; its thread takes off what is left, under each channel's lock,
 * before it returns, so that a node that is found in a queue is alive.
 *
 * The exchange is relaxed, since it only elects. What the winner writes reaches
 * the select by the completion of its wait.
 */
#ifndef TBI_QUEUE_H
#define TBI_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* The part of a select that others see; each flavour adds how it sleeps. */
struct tbi_selection {
    atomic_bool claimed;
    struct tbi_node *chosen; /* written by the winner before it completes the wait */
};

struct tbi_node {
    struct tbi_node *next, *prev;    /* channel's lock */
    bool queued;                     /* channel's lock; of a select's nodes only */
    struct tbi_selection *selection; /* NULL: waits for this channel alone */
    void *elem;                      /* where the element is, or is to go */
    int result;                      /* written by the completer */
};

struct tbi_queue {
    struct tbi_node *first, *last;
};

static inline bool tbi_claim(struct tbi_selection *selection)
{
    return !atomic_exchange_explicit(&selection->claimed, true, memory_order_relaxed);
}

static inline void tbi_enqueue(struct tbi_queue *queue, struct tbi_node *node)
{
    node->next = NULL;
    node->prev = queue->last;
    node->queued = true;
    if (queue->first == NULL)
        queue->first = node;
    else
        queue->last->next = node;
    queue->last = node;
}

static inline void tbi_unlink(struct tbi_queue *queue, struct tbi_node *node)
{
    if (node->prev == NULL)
        queue->first = node->next;
    else
        node->prev->next = node->next;
    if (node->next == NULL)
        queue->last = node->prev;
    else
        node->next->prev = node->prev;
    node->queued = false;
}

/* The first waiter that can still be served, taken off and won; or NULL. A
 * node that waits for one channel is not written to: its thread may be polling
 * a word on the same cache line. */
static inline struct tbi_node *tbi_dequeue(struct tbi_queue *queue)
{
    struct tbi_node *node;

    while ((node = queue->first) != NULL) {
        queue->first = node->next;
        if (node->next == NULL)
            queue->last = NULL;
        else
            node->next->prev = NULL;
        if (node->selection == NULL)
            return node;
        node->queued = false;
        if (tbi_claim(node->selection))
            return node;
    }
    return NULL;
}

#endif
