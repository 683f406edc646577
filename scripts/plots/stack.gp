# Cost of a deep call against its depth: three panels with one scale.
# ARG3-ARG6 x and y range, ARG7 line types.
# grow.tsv, grow_warm.tsv, regrow.tsv, one block per backend with its name as header: 1 x, 2 y, 3 low, 4 high
# <panel>_labels.tsv: 1 x, 2 y, 3 text
WIDTH = ARG1+0
HEIGHT = ARG2+0
load "common.gp"
set logscale xy
set xrange [ARG3+0:ARG4+0]
set yrange [ARG5+0:ARG6+0]
set xtics ("4K" 4096, "16K" 16384, "64K" 65536, "256K" 262144, "1M" 1048576, "4M" 4194304, "16M" 16777216, \
           "64M" 67108864)
set ytics ("1 ns" 1, "10 ns" 10, "100 ns" 100, "1 us" 1e3, "10 us" 1e4, "100 us" 1e5, "1 ms" 1e6, "10 ms" 1e7, \
           "100 ms" 1e8, "1 s" 1e9, "10 s" 1e10)
set bars BARS
set tmargin at screen 1.0 - 78.0 / HEIGHT
set bmargin at screen 0.16
unset key
set xlabel "depth of the call, bytes" textcolor rgb INK
set multiplot
set lmargin at screen 0.085
set rmargin at screen 0.36
set label 1 "grow: fresh task, fresh pages" at graph 0.02, graph 1.04 left textcolor rgb INK
set ylabel "time per operation" textcolor rgb INK
plot for [i=1:words(ARG7)] "grow.tsv" index i-1 using 1:2:3:4 with yerrorlines linetype word(ARG7, i)+0, \
     "grow_labels.tsv" using 1:2:3 with labels left offset char 1.1,0 font ",10" textcolor rgb INK
unset ylabel
unset label 99
set format y ""
set ytics ("" 1, "" 10, "" 100, "" 1e3, "" 1e4, "" 1e5, "" 1e6, "" 1e7, "" 1e8, "" 1e9, "" 1e10)
set lmargin at screen 0.39
set rmargin at screen 0.665
set label 1 "grow_warm: fresh task, pooled stack"
plot for [i=1:words(ARG7)] "grow_warm.tsv" index i-1 using 1:2:3:4 with yerrorlines linetype word(ARG7, i)+0, \
     "grow_warm_labels.tsv" using 1:2:3 with labels left offset char 1.1,0 font ",10" textcolor rgb INK
set lmargin at screen 0.695
set rmargin at screen 0.97
set label 1 "regrow: again in the same task"
plot for [i=1:words(ARG7)] "regrow.tsv" index i-1 using 1:2:3:4 with yerrorlines linetype word(ARG7, i)+0, \
     "regrow_labels.tsv" using 1:2:3 with labels left offset char 1.1,0 font ",10" textcolor rgb INK
# The legend: an empty plot as wide as the page.
set lmargin at screen 0.085
set key at screen 0.085, screen 1.0 - 24.0 / HEIGHT left top horizontal Left reverse samplen 3 width 2 maxrows 1
unset label 1
unset border
unset tics
unset grid
unset xlabel
plot for [i=1:words(ARG7)] "grow.tsv" index i-1 using (ARG3+0):(ARG5/2) with linespoints linetype word(ARG7, i)+0 \
         title columnheader(1)
unset multiplot
