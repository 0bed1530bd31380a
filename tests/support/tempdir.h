/* A directory for a test's files, removed with all it holds. */
#ifndef LM_TESTS_SUPPORT_TEMPDIR_H
#define LM_TESTS_SUPPORT_TEMPDIR_H

/* malloc'd path of a fresh directory under $TMPDIR or /tmp; aborts when there is none. */
char *lm_test_tempdir(void);
/* Removes the directory and everything in it, and frees path. */
void lm_test_tempdir_free(char *path);

/* One directory for a whole test program: a cmocka group's setup, which makes it, and its teardown,
 * which removes it. A test that sets up more calls them from its own. */
extern char *tempdir;
int tempdir_open(void **state);
int tempdir_close(void **state);

#endif
