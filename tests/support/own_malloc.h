/* For tests that replace malloc and its like with versions that count, on top of the C library's.
 * Under a sanitizer malloc is the sanitizer's, so REPLACED is 0. */
#ifndef LM_TESTS_SUPPORT_OWN_MALLOC_H
#define LM_TESTS_SUPPORT_OWN_MALLOC_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REPLACED 0 /* malloc is the sanitizer's */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define REPLACED 0
#endif
#endif
#ifndef REPLACED
#define REPLACED 1
#endif

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

#endif
