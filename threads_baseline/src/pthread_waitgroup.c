/* Wait group by mutex and condition variable.
 *
 * Why no wake-up is lost: a waiter looks at the count under the mutex, which
 * the wait on the condition releases in one step with going to sleep; the
 * last done changes the count under the same mutex and then broadcasts, since
 * all waiters must go. `waiters` spares it the call when there are none.
 *
 * Lifetime. The usual place for a wait group is the waiter's stack, gone once
 * its wait returns. So the broadcast comes before the unlock, against the
 * rule of this library: after an unlock a waiter, woken by chance or only
 * just come, could find the count at 0 and return, and the broadcast would go
 * to a dead object. Under the mutex it cannot, because a wait does not return
 * without having had the mutex, not even one that finds the count at 0. The
 * unlock is then the last touch of every done, and a mutex may be destroyed
 * by the next thread that had it even if that unlock is still returning
 * (pthread_mutex.c). The price is that a woken waiter may run into the mutex
 * for the rest of a section of some ten nanoseconds.
 *
 * pthread_cond_destroy() waits for threads that are still leaving their wait
 * on the condition, but not for such as have yet to lock the mutex: with
 * several waiters the last to return may destroy, no earlier one.
 */
#include "base.h"
#include "tb/tb_pthread.h"

#include <errno.h>

void tb_waitgroup_init(struct tb_waitgroup *wg)
{
    tbi_check(pthread_mutex_init(&wg->lock, NULL), "pthread_mutex_init");
    tbi_check(pthread_cond_init(&wg->all_done, NULL), "pthread_cond_init");
    wg->count = 0;
    wg->waiters = 0;
}

void tb_waitgroup_destroy(struct tb_waitgroup *wg)
{
    pthread_cond_destroy(&wg->all_done);
    pthread_mutex_destroy(&wg->lock);
}

void tb_waitgroup_add(struct tb_waitgroup *wg, uint32_t count)
{
    pthread_mutex_lock(&wg->lock);
    wg->count += count;
    pthread_mutex_unlock(&wg->lock);
}

void tb_waitgroup_done(struct tb_waitgroup *wg)
{
    pthread_mutex_lock(&wg->lock);
    tbi_check(wg->count == 0 ? EINVAL : 0, "tb_waitgroup_done: the count would fall below 0");
    if (--wg->count == 0 && wg->waiters > 0)
        pthread_cond_broadcast(&wg->all_done);
    pthread_mutex_unlock(&wg->lock); /* wg may be gone from here on */
}

void tb_waitgroup_wait(struct tb_waitgroup *wg)
{
    pthread_mutex_lock(&wg->lock);
    while (wg->count > 0) {
        wg->waiters++;
        pthread_cond_wait(&wg->all_done, &wg->lock);
        wg->waiters--;
    }
    pthread_mutex_unlock(&wg->lock);
}
