# Costs of several backends, one row per cell, on a log axis of nanoseconds.
# ARG3 rows, ARG4 ARG5 x range, ARG6 line types, one per block of dots.tsv, ARG7 pixels for the key,
# ARG8 which axis: "time", "chain" (of dependent multiplications) or "share" (of pthread).
# rows.tsv: 1 y, 2 row label, 3 text at the right
# dots.tsv, one block per backend with its name as header: 1 x, 2 y, 3 low, 4 high
WIDTH = ARG1+0
HEIGHT = ARG2+0
load "common.gp"
set lmargin at screen 0.26
set rmargin at screen 0.64
set tmargin at screen 1.0 - (ARG7+0.0) / HEIGHT
set bmargin at screen 62.0 / HEIGHT
set logscale x
set xrange [ARG4+0:ARG5+0]
set yrange [ARG3+0.6:0.4]
set xtics ("0.1 ns" 0.1, "1 ns" 1, "10 ns" 10, "100 ns" 100, "1 us" 1e3, "10 us" 1e4, "100 us" 1e5, "1 ms" 1e6, \
           "10 ms" 1e7, "100 ms" 1e8, "1 s" 1e9, "10 s" 1e10)
set mxtics 10
set border 1
set ytics scale 0
set bars BARS
set key at screen 0.26, screen 1.0 - 24.0 / HEIGHT left top horizontal Left reverse samplen 1.5 width 1
set xlabel "time per operation, real, median and interval (log scale)" textcolor rgb INK
if (ARG8 eq "chain") {
    set xtics ("0.1" 0.1, "1" 1, "10" 10, "100" 100, "1,000" 1e3, "10,000" 1e4, "100,000" 1e5, "1 million" 1e6, \
               "10 million" 1e7, "100 million" 1e8)
    set xlabel "time per operation in dependent multiplications of the same machine (log scale)" textcolor rgb INK
}
if (ARG8 eq "share") {
    set xtics ("1/100,000" 1e-5, "1/10,000" 1e-4, "1/1000" 1e-3, "1/100" 1e-2, "1/10" 1e-1, "1" 1, "10x" 10, "100x" 100, \
               "1000x" 1000)
    set xlabel "cost of gt as a share of that of pthread on the same machine (log scale)" textcolor rgb INK
}
plot "rows.tsv" using (ARG5+0):1:3:ytic(2) with labels left offset char 1,0 textcolor rgb INK font ",11" notitle, \
     for [i=1:words(ARG6)] "dots.tsv" index i-1 using 1:2:3:4 with xerrorbars \
         linetype word(ARG6, i)+0 dashtype 1 title columnheader(1)
