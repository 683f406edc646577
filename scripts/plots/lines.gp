# Lines on two log axes with intervals and direct labels.
# ARG3-ARG6 x and y range, ARG7 line types, one per block of lines.tsv,
# ARG8 which axes: "spawn" or "memory". ARG9 line types, one per block of marks.tsv.
# lines.tsv, one block per line with its name as header: 1 x, 2 y, 3 low, 4 high
# labels.tsv: 1 x, 2 y, 3 text
# marks.tsv: blocks as lines.tsv: 1 x, 2 y of a dotted line to a ceiling; ends.tsv: 1 x, 2 y of the ceilings
WIDTH = ARG1+0
HEIGHT = ARG2+0
load "common.gp"
set tmargin at screen 0.95
set bmargin at screen 0.145
set lmargin at screen 0.125
set logscale xy
set xrange [ARG3+0:ARG4+0]
set yrange [ARG5+0:ARG6+0]
set xtics ("1" 1, "10" 10, "100" 100, "1,000" 1e3, "10,000" 1e4, "100,000" 1e5, "1 million" 1e6, \
           "10 million" 1e7, "100 million" 1e8)
set bars BARS
if (ARG8 eq "spawn") {
    set rmargin at screen 0.80
    set key at screen 0.815, screen 0.94 left top vertical Left reverse samplen 3 spacing 1.5
    set ytics ("1" 1, "10" 10, "100" 100, "1,000" 1e3, "10,000" 1e4, "100,000" 1e5, "1 million" 1e6, \
               "10 million" 1e7, "100 million" 1e8, "1 billion" 1e9)
    LABELS = 1                   # to the right of a line; left of a ceiling, where no line passes
    set xlabel "tasks in the storm, n" textcolor rgb INK
    set ylabel "tasks spawned and finished per second" textcolor rgb INK
} else {
    set rmargin at screen 0.97
    set key inside right bottom vertical Left reverse samplen 3 spacing 1.5
    set ytics ("1 KiB" 2**10, "10 KiB" 10*2**10, "100 KiB" 100*2**10, "1 MiB" 2**20, "10 MiB" 10*2**20, \
               "100 MiB" 100*2**20, "1 GiB" 2**30, "10 GiB" 10*2.0**30, "100 GiB" 100*2.0**30, \
               "1 TiB" 2.0**40, "10 TiB" 10*2.0**40)
    LABELS = 0
    set xlabel "parked tasks, n" textcolor rgb INK
    set ylabel "memory of all of them, user and kernel" textcolor rgb INK
}
plot for [i=1:words(ARG7)] "lines.tsv" index i-1 using 1:2:3:4 with yerrorlines linetype word(ARG7, i)+0 \
         title columnheader(1), \
     for [i=1:words(ARG9)] "marks.tsv" index i-1 using 1:2 with lines linetype word(ARG9, i)+0 linewidth 1 \
         dashtype 3 notitle, \
     "ends.tsv" using 1:2 with points pointtype 2 pointsize 1.5 linewidth 2.5 linecolor rgb INK notitle, \
     "labels.tsv" using ($1*LABELS):2:3 with labels left offset char 1,0 textcolor rgb INK font ",11" notitle, \
     "labels.tsv" using ($1/(1-LABELS)):2:3 with labels right offset char -1.2,0.4 textcolor rgb INK font ",11" notitle
