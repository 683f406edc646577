# Memory against n, user and all of it as areas, one panel per backend on one scale.
# ARG3 panels, ARG4-ARG7 x and y range.
# panel<i>.tsv: block 0: 1 backend, 2 words; block 1: 1 n, 2 user bytes, 3 all bytes;
#               block 2: 1 ceiling, 2 and 3 the y range, 4 what stopped it
WIDTH = ARG1+0
HEIGHT = ARG2+0
load "common.gp"
PANELS = ARG3+0
Y_LOW = ARG6+0
set logscale xy
set xrange [ARG4+0:ARG5+0]
set yrange [ARG6+0:ARG7+0]
set xtics ("10" 10, "100" 100, "1k" 1e3, "10k" 1e4, "100k" 1e5, "1M" 1e6, "10M" 1e7, "100M" 1e8) font ",11"
set mxtics 1
set tmargin at screen 1.0 - 96.0 / HEIGHT
set bmargin at screen 56.0 / HEIGHT
set style fill solid 1.0 noborder
unset key
FIRST = 0.085
STEP = (0.985 - FIRST) / PANELS
set multiplot
do for [i=1:PANELS] {
    FILE = sprintf("panel%d.tsv", i)
    set lmargin at screen FIRST + (i - 1) * STEP
    set rmargin at screen FIRST + i * STEP - 0.018
    if (i == 1) {
        set ytics ("1 KiB" 2**10, "10 KiB" 10*2**10, "100 KiB" 100*2**10, "1 MiB" 2**20, "10 MiB" 10*2**20, \
                   "100 MiB" 100*2**20, "1 GiB" 2**30, "10 GiB" 10*2.0**30, "100 GiB" 100*2.0**30, "1 TiB" 2.0**40)
    } else {
        unset label 99
        set ytics ("" 2**10, "" 10*2**10, "" 100*2**10, "" 2**20, "" 10*2**20, "" 100*2**20, "" 2**30, "" 10*2.0**30, \
                   "" 100*2.0**30, "" 2.0**40)
    }
    set xlabel "parked tasks, n" textcolor rgb INK
    NAME = ""
    WORDS = ""
    STOPPED = ""
    set table "table.out"
    plot FILE index 0 using (NAME = strcol(1), WORDS = strcol(2), 0):(0) notitle, \
         FILE index 2 using (STOPPED = strcol(4), 0):(0) notitle
    unset table
    set label 1 NAME at graph 0.0, screen 1.0 - 60.0 / HEIGHT left noenhanced font ",13" textcolor rgb INK
    set label 2 WORDS at graph 0.0, screen 1.0 - 75.0 / HEIGHT left noenhanced font ",10" textcolor rgb "#595959"
    set label 3 STOPPED at graph 0.0, screen 1.0 - 88.0 / HEIGHT left noenhanced font ",10" textcolor rgb "#595959"
    plot FILE index 1 using 1:2:3 with filledcurves linecolor rgb "#E69F00" dashtype 1, \
         "" index 1 using 1:(Y_LOW):2 with filledcurves linecolor rgb "#56B4E9" dashtype 1, \
         "" index 1 using 1:3 with linespoints linecolor rgb INK linewidth 1.6 dashtype 1 pointtype 7 pointsize 0.5, \
         "" index 2 using 1:2:(0):($3-$2) with vectors nohead linecolor rgb "#D55E00" linewidth 1.8 dashtype (6,3)
}
# The legend: an empty plot as wide as the page.
set lmargin at screen FIRST
set rmargin at screen 0.985
set key at screen FIRST, screen 1.0 - 24.0 / HEIGHT left top horizontal Left reverse samplen 1.5 width 2 maxrows 1
unset label 1
unset label 2
unset label 3
unset border
unset tics
unset grid
unset xlabel
plot "panel1.tsv" index 1 using (ARG4/2.0):(ARG6/2.0) with boxes linecolor rgb "#56B4E9" title "user", \
     "" index 1 using (ARG4/2.0):(ARG6/2.0) with boxes linecolor rgb "#E69F00" title "kernel", \
     "" index 1 using (ARG4/2.0):(ARG6/2.0) with lines linecolor rgb INK linewidth 1.6 dashtype 1 title "all", \
     "" index 1 using (ARG4/2.0):(ARG6/2.0) with lines linecolor rgb "#D55E00" linewidth 1.8 dashtype (6,3) title "ceiling"
unset multiplot
