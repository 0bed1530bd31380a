/* A directory for a test's files, removed with all it holds. */
#ifndef LM_TESTS_SUPPORT_TEMPDIR_H
#define LM_TESTS_SUPPORT_TEMPDIR_H

/* malloc'd path of a fresh directory under $TMPDIR or /tmp; aborts when there is none. */
char *lm_test_tempdir(void);
/* Removes the directory and everything in it, and frees path. */
void lm_test_tempdir_free(char *path);

#endif
