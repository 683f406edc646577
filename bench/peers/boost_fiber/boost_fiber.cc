/* Boost.Fiber behind C functions; see boost_fiber.h.
 *
 * Each service is the library's own: fibers that are joined, its mutex and
 * condition variable, its unbuffered and buffered channels. Stacks come from
 * its pooled allocator, because its default one maps and unmaps 128 KiB for
 * each fiber.
 */
#include "boost_fiber.h"

#include <boost/fiber/all.hpp>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

namespace fibers = boost::fibers;

/* Large enough for what any workload sends. */
struct message {
    uint64_t words[2];
};

/* --- groups --------------------------------------------------------------- */

struct bf_group {
    std::vector<fibers::fiber> members;
};

namespace
{

/* For ever: the last fiber's stack is given back after main() has returned. */
fibers::pooled_fixedsize_stack &pool()
{
    static auto *stacks = new fibers::pooled_fixedsize_stack;
    return *stacks;
}

} // namespace

bf_group *bf_group_new() noexcept
{
    return new bf_group;
}

int bf_group_spawn(bf_group *g, void (*fn)(void *), void *arg, size_t stack) noexcept
try {
    if (stack == 0)
        g->members.emplace_back(std::allocator_arg, pool(), fn, arg);
    else
        g->members.emplace_back(std::allocator_arg, fibers::fixedsize_stack(stack), fn, arg);
    return 0;
} catch (const std::bad_alloc &) {
    return -ENOMEM;
} catch (...) {
    return -EAGAIN;
}

void bf_group_wait(bf_group *g) noexcept
{
    for (fibers::fiber &member : g->members)
        member.join();
    g->members.clear();
}

/* --- waiting -------------------------------------------------------------- */

void bf_yield() noexcept
{
    boost::this_fiber::yield();
}

void bf_sleep_until(int64_t ns) noexcept
{
    /* steady_clock is CLOCK_MONOTONIC on Linux. */
    boost::this_fiber::sleep_until(
        std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns)));
}

struct bf_sem {
    fibers::mutex lock;
    fibers::condition_variable raised;
    unsigned count;
};

bf_sem *bf_sem_new(unsigned count) noexcept
{
    auto *s = new bf_sem;

    s->count = count;
    return s;
}

void bf_sem_wait(bf_sem *s) noexcept
{
    std::unique_lock<fibers::mutex> held(s->lock);

    s->raised.wait(held, [s] { return s->count != 0; });
    s->count--;
}

void bf_sem_post(bf_sem *s) noexcept
{
    std::unique_lock<fibers::mutex> held(s->lock);

    s->count++;
    s->raised.notify_one();
}

void bf_sem_free(bf_sem *s) noexcept
{
    delete s;
}

struct bf_mutex {
    fibers::mutex mutex;
};

bf_mutex *bf_mutex_new() noexcept
{
    return new bf_mutex;
}

void bf_mutex_lock(bf_mutex *m) noexcept
{
    m->mutex.lock();
}

void bf_mutex_unlock(bf_mutex *m) noexcept
{
    m->mutex.unlock();
}

void bf_mutex_free(bf_mutex *m) noexcept
{
    delete m;
}

/* --- channels ------------------------------------------------------------- */

struct bf_chan {
    std::unique_ptr<fibers::unbuffered_channel<message>> rendezvous;
    std::unique_ptr<fibers::buffered_channel<message>> buffer;
    bool two_words; /* or one */
};

namespace
{

/* The library's channel of size s is a ring of s cells, a power of two, of
 * which it fills s - 1. The size nearest to what was asked for: 127 elements
 * stand for 128. */
size_t ring_size(size_t capacity)
{
    const size_t cells = capacity + 1;
    size_t size = 2;

    while (size * 2 <= cells)
        size *= 2;
    return size * 2 - cells < cells - size ? size * 2 : size;
}

int result(fibers::channel_op_status status)
{
    return status == fibers::channel_op_status::success ? 0 : -EPIPE;
}

} // namespace

bf_chan *bf_chan_new(size_t elem_size, size_t capacity) noexcept
try {
    auto ch = std::make_unique<bf_chan>();

    ch->two_words = elem_size == sizeof(message);
    if (!ch->two_words && elem_size != sizeof(uint64_t))
        return nullptr;
    if (capacity == 0)
        ch->rendezvous = std::make_unique<fibers::unbuffered_channel<message>>();
    else
        ch->buffer = std::make_unique<fibers::buffered_channel<message>>(ring_size(capacity));
    return ch.release();
} catch (...) {
    return nullptr;
}

int bf_chan_send(bf_chan *ch, const void *elem) noexcept
{
    message value;

    memcpy(&value.words[0], elem, sizeof(uint64_t));
    if (ch->two_words)
        memcpy(&value, elem, sizeof value);
    return result(ch->buffer ? ch->buffer->push(value) : ch->rendezvous->push(value));
}

int bf_chan_recv(bf_chan *ch, void *elem) noexcept
{
    message value;
    const auto status = ch->buffer ? ch->buffer->pop(value) : ch->rendezvous->pop(value);

    if (status == fibers::channel_op_status::success) {
        memcpy(elem, &value.words[0], sizeof(uint64_t));
        if (ch->two_words)
            memcpy(elem, &value, sizeof value);
    }
    return result(status);
}

void bf_chan_close(bf_chan *ch) noexcept
{
    if (ch->buffer)
        ch->buffer->close();
    else
        ch->rendezvous->close();
}

void bf_chan_free(bf_chan *ch) noexcept
{
    delete ch;
}
