/* Reads an image from standard input, and prints its label and confidence.
 *
 * The image is 28 x 28 pixels, 0 of paper and 255 of ink: a binary PGM (P5), or 784 bytes alone. */
#include "inkling.h"

#include <ctype.h>
#include <stdio.h>

#define ROOM (INKLING_PIXELS + 240) /* for the header of a PGM, with its comments */

static struct inkling_memory memory; /* not on the stack, which may be small */

/* Where the pixels of a PGM of 28 x 28 begin; -1 if it is another file. */
static int pixels_of_pgm(const unsigned char *bytes, int size)
{
    static const int expected[] = {28, 28, 255};
    int at = 2, i, value;

    if (size < 2 || bytes[0] != 'P' || bytes[1] != '5')
        return -1;
    for (i = 0; i < 3; i++) {
        while (at < size && (isspace(bytes[at]) || bytes[at] == '#'))
            if (bytes[at++] == '#')
                while (at < size && bytes[at] != '\n')
                    at++;
        for (value = 0; at < size && isdigit(bytes[at]) && value < 1000; at++)
            value = 10 * value + bytes[at] - '0';
        if (value != expected[i])
            return -1;
    }
    return at + 1 + INKLING_PIXELS == size ? at + 1 : -1;
}

int main(void)
{
    struct inkling_reading reading;
    unsigned char bytes[ROOM];
    const int size = (int)fread(bytes, 1, ROOM, stdin);
    const int at = size == INKLING_PIXELS ? 0 : pixels_of_pgm(bytes, size);

    if (at < 0) {
        fputs("Expected a PGM of 28 x 28 pixels, or 784 bytes, got another file. See README.md.\n", stderr);
        return 1;
    }
    inkling_read(bytes + at, &memory, &reading);
    printf("%s (%.1f %%)%s\n", inkling_classes[reading.label], 100 * reading.confidence,
           reading.accepted == 0 ? ", rejected" : "");
    return 0;
}
