# Curves on two log axes with intervals and direct labels at their ends.
# ARG3-ARG6 x and y range, ARG7 line types, one per block of curves.tsv,
# ARG8 which axes: "percentile", "working_set", "speedup" or "load".
# curves.tsv, one block per line with its name as header: 1 x, 2 y, 3 low, 4 high
# labels.tsv: 1 x, 2 y, 3 text
WIDTH = ARG1+0
HEIGHT = ARG2+0
load "common.gp"
set tmargin at screen 0.95
set bmargin at screen 0.15
set lmargin at screen 0.095
set rmargin at screen 0.80
set key at screen 0.815, screen 0.94 left top vertical Left reverse samplen 3 spacing 1.5
set logscale xy
set xrange [ARG3+0:ARG4+0]
set yrange [ARG5+0:ARG6+0]
set bars BARS
set ytics ("1 ns" 1, "10 ns" 10, "100 ns" 100, "1 us" 1e3, "10 us" 1e4, "100 us" 1e5, "1 ms" 1e6, "10 ms" 1e7, \
           "100 ms" 1e8, "1 s" 1e9, "10 s" 1e10)
if (ARG6/ARG5 < 60) {
    set ytics ("1 ns" 1, "2 ns" 2, "5 ns" 5, "10 ns" 10, "20 ns" 20, "50 ns" 50, "100 ns" 100, "200 ns" 200, \
               "500 ns" 500, "1 us" 1e3, "2 us" 2e3, "5 us" 5e3, "10 us" 1e4, "20 us" 2e4, "50 us" 5e4, "100 us" 1e5, \
               "200 us" 2e5, "500 us" 5e5, "1 ms" 1e6, "2 ms" 2e6, "5 ms" 5e6, "10 ms" 1e7, "20 ms" 2e7, "50 ms" 5e7, \
               "100 ms" 1e8, "200 ms" 2e8, "500 ms" 5e8, "1 s" 1e9, "2 s" 2e9, "5 s" 5e9, "10 s" 1e10)
}
if (ARG8 eq "percentile") {
    set xtics ("0" 1, "50" 2, "90" 10, "99" 100, "99.9" 1e3, "99.99" 1e4, "99.999" 1e5, "99.9999" 1e6)
    set xlabel "percentile" textcolor rgb INK
    set ylabel "at most" textcolor rgb INK
}
if (ARG8 eq "working_set") {
    set xtics ("4 KiB" 4, "8" 8, "16" 16, "32 KiB" 32, "64" 64, "128" 128, "256 KiB" 256, "512" 512, "1 MiB" 1024)
    set xlabel "memory that each task touches between two switches" textcolor rgb INK
    set ylabel "time per switch, touching included" textcolor rgb INK
}
if (ARG8 eq "speedup") {
    set xtics ("1" 1, "2" 2, "4" 4, "8" 8, "16" 16, "32" 32, "64" 64, "128" 128, "256" 256, "512" 512)
    set ytics ("1/8" 0.125, "1/4" 0.25, "1/2" 0.5, "1" 1, "2x" 2, "4x" 4, "8x" 8, "16x" 16, "32x" 32, "64x" 64, "128x" 128)
    set xlabel "CPUs allowed, P" textcolor rgb INK
    set ylabel "time on one CPU / time on P" textcolor rgb INK
}
if (ARG8 eq "load") {
    set xtics ("25" 25, "50" 50, "80" 80)
    set xlabel "offered load, in percent of what the slowest backend can take" textcolor rgb INK
    set ylabel "99 of 100 answers take at most" textcolor rgb INK
}
MARKS = ARG8 eq "percentile" ? 0 : 1
if (MARKS) {
    plot for [i=1:words(ARG7)] "curves.tsv" index i-1 using 1:2:3:4 with yerrorlines linetype word(ARG7, i)+0 \
             title columnheader(1), \
         "labels.tsv" using 1:2:3 with labels left offset char 1,0 textcolor rgb INK font ",11" notitle
} else {
    plot for [i=1:words(ARG7)] "curves.tsv" index i-1 using 1:2 with lines linetype word(ARG7, i)+0 \
             title columnheader(1), \
         "labels.tsv" using 1:2:3 with labels left offset char 1,0 textcolor rgb INK font ",11" notitle
}
