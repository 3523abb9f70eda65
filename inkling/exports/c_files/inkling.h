/* Inkling: reads an image of a handwritten character. Standard C99; of libraries, math.h alone.
 *
 * Network $model_sha256
 * Licence of the weights: $licence
 */
#ifndef INKLING_H
#define INKLING_H

#ifdef __cplusplus
extern "C" {
#endif

#define INKLING_PIXELS 784
#define INKLING_CLASSES $classes

/* What the network says of an image. */
struct inkling_reading {
    int label;                            /* the likeliest class, from 0 */
    float probabilities[INKLING_CLASSES]; /* of each class, calibrated; their sum is 1 */
    float confidence;                     /* the probability of the label */
    float ood_score;                      /* out-of-distribution, in nats: high where no class is shown */
    int accepted;                         /* 1 if the reading can be relied on, 0 if not, -1 if unknown */
};

/* What the function works in: $memory bytes, of any content before and after. They are the caller's, so
 * that they lie where there is room, and are counted when the program is linked. */
struct inkling_memory {
    float a[$a];
    float b[$b];
};

/* The name of each class, in UTF-8. */
extern const char *const inkling_classes[INKLING_CLASSES];

/* Read an image of 28 x 28 pixels, row by row from the top left: 0 is paper, 255 is ink. It must be placed
 * as in MNIST: scaled to fit 20 x 20 pixels, its centre of mass in the middle. It cannot fail, and may run
 * in several threads at once, each with a memory of its own. */
void inkling_read(const unsigned char pixels[INKLING_PIXELS], struct inkling_memory *memory,
                  struct inkling_reading *reading);

#ifdef __cplusplus
}
#endif

#endif
