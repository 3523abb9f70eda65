/* Inkling: reads an image of a handwritten character. See inkling.h. */
#include "inkling.h"

#include <math.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define LANES 8 /* outputs that are summed at once */

#define STANDARDISES $standardises /* whether contrast is evened out first */
#define EPSILON $epsilon
#define TEMPERATURE $temperature /* which calibrates probabilities: Guo et al. 2017 */
#define CAN_ACCEPT $can_accept   /* whether it is known from when on a reading can be relied on */
#define MIN_CONFIDENCE $min_confidence
#define MAX_OOD_SCORE $max_ood_score

typedef $type weight;

/* Weighted sums of a window that slides over an image, the largest of each pool of pixels, scaled and
 * shifted. A dense layer is a window as large as its image. Channels lie side by side in a pixel. */
struct layer {
    int side, channels;           /* of the image that goes in: side x side pixels */
    int outputs;                  /* channels of the image that comes out */
    int kernel, padding;          /* side of the window, and zeros around the image */
    int pool;                     /* side of a pool; 1 of none */
    int relu;                     /* whether what is below 0 becomes 0 */
    const weight *weights;        /* of LANES outputs each: (kernel, kernel, channels, LANES) */
    const float *scales, *shifts; /* of each output */
};

$weights

static const struct layer network[] = {
$network
};

const char *const inkling_classes[INKLING_CLASSES] = {$names};

/* The weighted sums of the window at a row and column, for LANES outputs. The last outputs may be fewer:
 * the sums beyond `lanes` mean nothing, and zeros follow the last weights. */
static void window(const struct layer *layer, const float *image, const weight *weights, int lanes, int row,
                   int column, float sums[LANES])
{
    const int kernel = layer->kernel, channels = layer->channels;
    const int left = column < 0 ? -column : 0; /* columns of the window that lie beside the image */
    const int over = column + kernel - layer->side;
    const int count = (kernel - left - (over > 0 ? over : 0)) * channels;
    float a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0; /* no array: they stay in registers */
    int i, y;

    for (y = row < 0 ? -row : 0; y < kernel && row + y < layer->side; y++) {
        const float *x = image + ((row + y) * layer->side + column + left) * channels;
        const weight *w = weights + (y * kernel + left) * channels * lanes;
        for (i = 0; i < count; i++, w += lanes) {
            a += x[i] * w[0];
            b += x[i] * w[1];
            c += x[i] * w[2];
            d += x[i] * w[3];
            e += x[i] * w[4];
            f += x[i] * w[5];
            g += x[i] * w[6];
            h += x[i] * w[7];
        }
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
    sums[4] = e;
    sums[5] = f;
    sums[6] = g;
    sums[7] = h;
}

/* One layer, from an image to another. */
static void apply(const struct layer *layer, const float *in, float *out)
{
    const int size = layer->kernel * layer->kernel * layer->channels, pool = layer->pool;
    const int side = (layer->side + 2 * layer->padding - layer->kernel + 1) / pool;
    float sums[LANES], largest[LANES];
    int first, i, j, pixel;

    for (first = 0; first < layer->outputs; first += LANES) { /* outside, so that its weights stay near */
        const weight *weights = layer->weights + first * size;
        const int lanes = layer->outputs - first < LANES ? layer->outputs - first : LANES;
        for (pixel = 0; pixel < side * side; pixel++) {
            for (i = 0; i < pool * pool; i++) {
                const int row = pixel / side * pool + i / pool, column = pixel % side * pool + i % pool;
                window(layer, in, weights, lanes, row - layer->padding, column - layer->padding, sums);
                for (j = 0; j < lanes; j++)
                    largest[j] = i == 0 || sums[j] > largest[j] ? sums[j] : largest[j];
            }
            for (j = 0; j < lanes; j++) {
                const float value = largest[j] * layer->scales[first + j] + layer->shifts[first + j];
                out[pixel * layer->outputs + first + j] = layer->relu && value < 0 ? 0 : value;
            }
        }
    }
}

/* Gives an image mean 0 and variance 1. */
static void standardise(float *image)
{
    float mean = 0, variance = 0;
    int i;

    for (i = 0; i < INKLING_PIXELS; i++)
        mean += image[i];
    mean /= INKLING_PIXELS;
    for (i = 0; i < INKLING_PIXELS; i++)
        variance += (image[i] - mean) * (image[i] - mean);
    variance /= INKLING_PIXELS;
    for (i = 0; i < INKLING_PIXELS; i++)
        image[i] = (image[i] - mean) / sqrtf(variance + EPSILON);
}

/* What the logits come to. Source of the score: Liu et al. 2020. */
static void conclude(const float *logits, struct inkling_reading *reading)
{
    float sum = 0, sum_calibrated = 0;
    int i, best = 0;

    for (i = 1; i < INKLING_CLASSES; i++)
        if (logits[i] > logits[best])
            best = i;
    for (i = 0; i < INKLING_CLASSES; i++) { /* of differences, so that nothing overflows */
        reading->probabilities[i] = expf((logits[i] - logits[best]) / TEMPERATURE);
        sum_calibrated += reading->probabilities[i];
        sum += expf(logits[i] - logits[best]);
    }
    for (i = 0; i < INKLING_CLASSES; i++)
        reading->probabilities[i] /= sum_calibrated;
    reading->label = best;
    reading->confidence = reading->probabilities[best];
    reading->ood_score = -logits[best] - logf(sum);
    reading->accepted = -1;
    if (CAN_ACCEPT)
        reading->accepted = reading->confidence >= MIN_CONFIDENCE && reading->ood_score <= MAX_OOD_SCORE;
}

void inkling_read(const unsigned char pixels[INKLING_PIXELS], struct inkling_memory *memory,
                  struct inkling_reading *reading)
{
    float *in = memory->a, *out = memory->b, *spare;
    int i;

    for (i = 0; i < INKLING_PIXELS; i++)
        in[i] = pixels[i] / 255.0f;
    if (STANDARDISES)
        standardise(in);
    for (i = 0; i < COUNT(network); i++) {
        apply(&network[i], in, out);
        spare = in;
        in = out;
        out = spare;
    }
    conclude(in, reading);
}
