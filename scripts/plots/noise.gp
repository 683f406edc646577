# Every sample in run order, as a ratio to the median of its series.
# ARG3 last position, ARG4 ARG5 y range, ARG6 noise floor as a ratio above 1, ARG7 line types.
# noise.tsv, one block per backend with its name as header: 1 position, 2 ratio
WIDTH = ARG1+0
HEIGHT = ARG2+0
load "common.gp"
set lmargin at screen 0.09
set rmargin at screen 0.98
set tmargin at screen 1.0 - 52.0 / HEIGHT
set bmargin at screen 0.18
set xrange [-0.01*ARG3:1.01*ARG3]
set logscale y
set yrange [ARG4+0:ARG5+0]
set ytics ("1/100" 0.01, "1/10" 0.1, "1/5" 0.2, "1/2" 0.5, "0.8" 0.8, "0.9" 0.9, "1" 1, \
           "1.1" 1.1, "1.25" 1.25, "1.5" 1.5, "2x" 2, "5x" 5, "10x" 10, "100x" 100)
if (ARG5 > 3) {
    set ytics ("1/1000" 0.001, "1/100" 0.01, "1/10" 0.1, "1/5" 0.2, "1/2" 0.5, "1" 1, "2x" 2, "5x" 5, "10x" 10, \
               "100x" 100, "1000x" 1000)
}
set object 1 rectangle from graph 0, first 1/(ARG6+0) to graph 1, first ARG6+0 fillcolor rgb "#ececec" \
    fillstyle solid noborder behind
set key at screen 0.09, screen 1.0 - 24.0 / HEIGHT left top horizontal Left reverse samplen 1 width 3 maxrows 1
set xlabel "position of the process in the run" textcolor rgb INK
set ylabel "sample / median of its series" textcolor rgb INK
plot for [i=1:words(ARG7)] "noise.tsv" index i-1 using 1:2 with points linetype word(ARG7, i)+0 pointsize 0.45 \
         title columnheader(1)
