/* Mutex: pthread_mutex_t of the default kind, as nearly everybody's is.
 *
 * Sleeping, waking and why no wake-up is lost are the C library's. Lifetime:
 * POSIX lets a thread that has locked and unlocked a mutex destroy it if no
 * other will use it again, even if the thread that had it before is still
 * inside its unlock; a mutex that guards the count of references to its own
 * object depends on it. An unlock here adds nothing after the library's.
 *
 * Neither kind that would cost or change something is used: error checking
 * pays for the thread's number at each call, adaptive polls.
 */
#include "base.h"
#include "tb/tb_pthread.h"

#include <errno.h>

void tb_mutex_init(struct tb_mutex *mutex)
{
    tbi_check(pthread_mutex_init(&mutex->lock, NULL), "pthread_mutex_init");
}

void tb_mutex_destroy(struct tb_mutex *mutex)
{
    pthread_mutex_destroy(&mutex->lock);
}

void tb_mutex_lock(struct tb_mutex *mutex)
{
    pthread_mutex_lock(&mutex->lock);
}

int tb_mutex_try_lock(struct tb_mutex *mutex)
{
    return pthread_mutex_trylock(&mutex->lock) == 0 ? 0 : -EBUSY;
}

void tb_mutex_unlock(struct tb_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->lock);
}
