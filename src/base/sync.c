#include "base/sync.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_NANOSECONDS 100000000

static _Thread_local void (*meanwhile)(void *argument);
static _Thread_local void *meanwhile_argument;

typedef struct syncing {
    int fd;
    int (*how)(int fd);
    int result, reason; /* errno */
    bool done;
    pthread_mutex_t lock; /* of all that is above */
    pthread_cond_t ended;
} syncing;

void lm_sync_set_meanwhile(void (*call)(void *argument), void *argument) {
    meanwhile = call;
    meanwhile_argument = argument;
}

static void *sync_in_thread(void *argument) {
    syncing *s = argument;
    int result = s->how(s->fd), reason = errno;
    pthread_mutex_lock(&s->lock);
    s->result = result;
    s->reason = reason;
    s->done = true;
    pthread_cond_signal(&s->ended);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Signals are for the other threads. */
static bool begin(syncing *s, pthread_t *thread) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool begun = pthread_create(thread, NULL, sync_in_thread, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return begun;
}

/* Returns after a pause or when it is done; is it? */
static bool is_done(syncing *s) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += PAUSE_NANOSECONDS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&s->lock);
    while (!s->done && pthread_cond_timedwait(&s->ended, &s->lock, &until) == 0) continue;
    bool done = s->done;
    pthread_mutex_unlock(&s->lock);
    return done;
}

/* Where no thread can be begun, this one syncs. */
static int sync_by(int (*how)(int fd), int fd) {
    syncing s = {.fd = fd, .how = how};
    pthread_t thread;
    pthread_condattr_t clock;
    if (!meanwhile) return how(fd);
    pthread_mutex_init(&s.lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&s.ended, &clock);
    bool begun = begin(&s, &thread);
    if (begun) {
        while (!is_done(&s)) meanwhile(meanwhile_argument);
        pthread_join(thread, NULL);
    } else {
        s.result = how(fd);
        s.reason = errno;
    }
    pthread_cond_destroy(&s.ended);
    pthread_condattr_destroy(&clock);
    pthread_mutex_destroy(&s.lock);
    errno = s.reason;
    return s.result;
}

int lm_sync(int fd) {
    return sync_by(fsync, fd);
}

int lm_sync_data(int fd) {
    return sync_by(fdatasync, fd);
}
