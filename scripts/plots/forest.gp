# Ratios with intervals, one row per cell.
# ARG3 rows, ARG4 ARG5 x range, ARG6 noise floor as a ratio above 1 (1: none).
# forest.tsv: 1 y, 2 row label, 3-5 gt/fastest, low, high, 6 filled, 7 its text,
#             8-10 gt/pthread, low, high, 11 its text
WIDTH = ARG1+0
HEIGHT = ARG2+0
load "common.gp"
set lmargin at screen 0.285
set rmargin at screen 0.665
set tmargin at screen 1.0 - 62.0 / HEIGHT
set bmargin at screen 52.0 / HEIGHT
set logscale x
set xrange [ARG4+0:ARG5+0]
set yrange [ARG3+0.6:0.4]
set xtics ("1/100,000" 1e-5, "1/10,000" 1e-4, "1/1000" 1e-3, "1/100" 1e-2, "1/10" 1e-1, "1" 1, "10x" 10, \
           "100x" 100, "1000x" 1000, "10,000x" 1e4, "100,000x" 1e5)
set border 1
set grid noytics
set ytics scale 0
unset key
set object 1 rectangle from 1/(ARG6+0), graph 0 to ARG6+0, graph 1 fillcolor rgb "#ececec" fillstyle solid noborder behind
set arrow 1 from 1, graph 0 to 1, graph 1 nohead linecolor rgb INK linewidth 1.2 back
HEAD = 1.0 - 38.0 / HEIGHT
set label 2 "gt / fastest of the pthread family" at screen 0.675, screen HEAD left textcolor rgb "#0072B2"
set label 3 "gt / pthread" at screen 0.915, screen HEAD left textcolor rgb "#B04A00"
set label 1 "cost of gt as a share of the other's (log scale); left of 1: gt costs less" \
    at screen 0.475, screen 14.0 / HEIGHT center textcolor rgb INK
set label 4 "filled: differs by the rule; hollow: does not, or not judged; grey band: noise floor of the run" \
    at screen 0.01, screen 1.0 - 14.0 / HEIGHT left textcolor rgb INK
set bars BARS
plot "forest.tsv" using 8:1:9:10 with xerrorbars linetype 2 dashtype 1 linewidth 1.2 pointtype 5 pointsize 0.55, \
     "" using ($6 == 1 ? $3 : NaN):1:4:5:ytic(2) with xerrorbars linetype 1 pointsize 0.75, \
     "" using ($6 == 0 ? $3 : NaN):1:4:5 with xerrorbars linetype 1 pointtype 6 linewidth 1.6 pointsize 0.75, \
     "" using (ARG5+0):1:7 with labels left offset char 1,0 textcolor rgb INK font ",11", \
     "" using (ARG5+0):1:11 with labels left offset char (FORMAT == 3 ? 38 : 29.6),0 textcolor rgb INK font ",11"
