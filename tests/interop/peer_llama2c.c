/* peer_llama2c MODEL.bin <ids: the loss of each token but the first, by llama2.c's own run.c, which
 * -I finds. Not a test: tests/interop/compare.py builds it. */
#define TESTING
#include "run.c"

int main(int argc, char **argv) {
    Transformer t;
    int id, last = -1, position = 0;
    if (argc != 2) return 2;
    build_transformer(&t, argv[1]);
    for (; scanf("%d", &id) == 1; last = id) {
        if (last < 0) continue;
        const float *logits = forward(&t, last, position++);
        double most = logits[0], sum = 0;
        for (int i = 0; i < t.config.vocab_size; i++) most = fmax(most, logits[i]);
        for (int i = 0; i < t.config.vocab_size; i++) sum += exp(logits[i] - most);
        printf("loss %.9g\n", log(sum) + most - logits[id]);
    }
    return 0;
}
