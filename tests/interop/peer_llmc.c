/* peer_llmc MODEL.bin <ids: the loss of each token but the first, by llm.c's train_gpt2.c, found
 * by -I. Not a test: tests/interop/compare.py builds it. */
#define TESTING
#include "train_gpt2.c"

int main(int argc, char **argv) {
    GPT2 m;
    int ids[4096], n = 0;
    if (argc != 2) return 2;
    gpt2_build_from_checkpoint(&m, argv[1]);
    while (n < 4096 && scanf("%d", &ids[n]) == 1) n++;
    gpt2_forward(&m, ids, ids + 1, 1, (size_t)(n - 1));
    for (int i = 0; i < n - 1; i++) printf("loss %.9g\n", (double)m.acts.losses[i]);
    return 0;
}
