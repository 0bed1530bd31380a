/* fsync, for threads that must do something else now and then: a disk may take minutes.
 *
 *     lm_sync_set_meanwhile(call, argument);   // once, by the thread that it is for
 *     lm_sync(fd);                             // another thread syncs, and this one makes the call
 *
 * For any thread; one that has set nothing syncs itself. */
#ifndef LM_BASE_SYNC_H
#define LM_BASE_SYNC_H

/* As fsync and fdatasync: 0, or -1 with errno. */
int lm_sync(int fd);
int lm_sync_data(int fd);
/* From now on, while this thread waits for one of these, it makes the call ten times a second.
 * NULL, as at first: it makes none. */
void lm_sync_set_meanwhile(void (*call)(void *argument), void *argument);

#endif
