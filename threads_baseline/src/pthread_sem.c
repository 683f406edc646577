/* Semaphore by mutex and condition variable.
 *
 * waiters spares the post of an uncontended semaphore the call into the
 * condition variable. The signal comes after the unlock: a thread woken while
 * the mutex is still held would run into it and sleep again. One unit serves
 * one waiter, so one signal; a unit taken by a thread that came in between
 * sends the woken one back to the wait, which loses nothing, since that
 * thread's own post will signal again.
 */
#include "base.h"
#include "tb/tb_pthread.h"

#include <errno.h>

void tb_sem_init(struct tb_sem *sem, unsigned count)
{
    tbi_check(pthread_mutex_init(&sem->lock, NULL), "pthread_mutex_init");
    tbi_check(pthread_cond_init(&sem->available, NULL), "pthread_cond_init");
    sem->count = count;
    sem->waiters = 0;
}

void tb_sem_destroy(struct tb_sem *sem)
{
    pthread_cond_destroy(&sem->available);
    pthread_mutex_destroy(&sem->lock);
}

void tb_sem_wait(struct tb_sem *sem)
{
    pthread_mutex_lock(&sem->lock);
    while (sem->count == 0) {
        sem->waiters++;
        pthread_cond_wait(&sem->available, &sem->lock);
        sem->waiters--;
    }
    sem->count--;
    pthread_mutex_unlock(&sem->lock);
}

int tb_sem_try_wait(struct tb_sem *sem)
{
    pthread_mutex_lock(&sem->lock);
    bool taken = sem->count > 0;
    if (taken)
        sem->count--;
    pthread_mutex_unlock(&sem->lock);
    return taken ? 0 : -EAGAIN;
}

void tb_sem_post(struct tb_sem *sem)
{
    pthread_mutex_lock(&sem->lock);
    sem->count++;
    bool wake = sem->waiters > 0;
    pthread_mutex_unlock(&sem->lock);
    if (wake)
        pthread_cond_signal(&sem->available);
}
