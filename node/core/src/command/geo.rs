//! Commands on places: sorted sets whose scores are geohashes, 26 bits of longitude and of latitude interleaved.
//!
//! A search looks at the ranges of scores of nine cells around the center, of a size at which they cover the shape, and measures
//! each place in them on a sphere of Redis's radius. Geohash: Gustavo Niemeyer, 2008. Left out: sorted sets as such.

use super::Context;
use super::collection::{error, is, parse_double, room};
use super::sorted_set::{Adding, store};
use crate::number::parse_integer;
use dcache_engine::{Kind, SortedSetRef};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::{Reply, Version};

const LONGITUDE_MAX: f64 = 180.0;
const LATITUDE_MAX: f64 = 85.051_128_78;
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;
const MERCATOR_MAX: f64 = 20_037_726.37;
const STEPS: u32 = 26;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    longitude: f64,
    latitude: f64,
}

/// A cell: so many bits of both coordinates, interleaved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    bits: u64,
    steps: u32,
}

/// Puts a zero before each bit.
fn spread(value: u32) -> u64 {
    let mut x = u64::from(value);
    x = (x | x << 16) & 0x0000_ffff_0000_ffff;
    x = (x | x << 8) & 0x00ff_00ff_00ff_00ff;
    x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x << 2) & 0x3333_3333_3333_3333;
    (x | x << 1) & 0x5555_5555_5555_5555
}

fn gather(x: u64) -> u32 {
    let mut x = x & 0x5555_5555_5555_5555;
    x = (x | x >> 1) & 0x3333_3333_3333_3333;
    x = (x | x >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x >> 4) & 0x00ff_00ff_00ff_00ff;
    x = (x | x >> 8) & 0x0000_ffff_0000_ffff;
    (x | x >> 16) as u32
}

fn encode_within(place: Place, steps: u32, latitude_max: f64) -> Cell {
    let part = |value: f64, max: f64| ((value + max) / (2.0 * max) * (1u64 << steps) as f64) as u32;
    let (latitude, longitude) = (part(place.latitude, latitude_max), part(place.longitude, LONGITUDE_MAX));
    Cell { bits: spread(latitude) | spread(longitude) << 1, steps }
}

fn encode(place: Place, steps: u32) -> Cell {
    encode_within(place, steps, LATITUDE_MAX)
}

impl Cell {
    /// Least and greatest coordinates.
    fn area(self) -> (Place, Place) {
        let scale = (1u64 << self.steps) as f64;
        let (latitude, longitude) = (f64::from(gather(self.bits)), f64::from(gather(self.bits >> 1)));
        let at = |part: f64, max: f64| -max + part / scale * (2.0 * max);
        let corner = |more: f64| Place {
            longitude: at(longitude + more, LONGITUDE_MAX),
            latitude: at(latitude + more, LATITUDE_MAX),
        };
        (corner(0.0), corner(1.0))
    }

    fn center(self) -> Place {
        let (least, most) = self.area();
        let middle = |one: f64, other: f64, max: f64| ((one + other) / 2.0).clamp(-max, max);
        Place {
            longitude: middle(least.longitude, most.longitude, LONGITUDE_MAX),
            latitude: middle(least.latitude, most.latitude, LATITUDE_MAX),
        }
    }

    fn moved(self, x: i64, y: i64) -> Cell {
        let mask = ((1u64 << self.steps) - 1) as i64;
        let longitude = (i64::from(gather(self.bits >> 1)) + x) & mask;
        let latitude = (i64::from(gather(self.bits)) + y) & mask;
        Cell { bits: spread(latitude as u32) | spread(longitude as u32) << 1, ..self }
    }

    /// Scores from the first on and below the second.
    fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEPS - self.steps);
        ((self.bits << shift) as f64, ((self.bits + 1) << shift) as f64)
    }
}

fn place_of(score: f64) -> Place {
    Cell { bits: score as u64, steps: STEPS }.center()
}

fn distance(one: Place, other: Place) -> f64 {
    let (latitude, other_latitude) = (one.latitude.to_radians(), other.latitude.to_radians());
    let v = ((other.longitude.to_radians() - one.longitude.to_radians()) / 2.0).sin();
    if v == 0.0 {
        return EARTH_RADIUS_M * (other_latitude - latitude).abs();
    }
    let u = ((other_latitude - latitude) / 2.0).sin();
    let a = u * u + latitude.cos() * other_latitude.cos() * v * v;
    2.0 * EARTH_RADIUS_M * a.sqrt().asin()
}

fn unit_of(word: &[u8]) -> Result<f64, WireError> {
    match word {
        _ if is(word, "m") => Ok(1.0),
        _ if is(word, "km") => Ok(1000.0),
        _ if is(word, "ft") => Ok(0.3048),
        _ if is(word, "mi") => Ok(1609.34),
        _ => Err(error("unsupported unit provided. please use M, KM, FT, MI")),
    }
}

fn parse_place(longitude: &[u8], latitude: &[u8]) -> Result<Place, WireError> {
    let number = |text: &[u8]| parse_double(text).ok_or(WireError::NotFloat);
    let place = Place { longitude: number(longitude)?, latitude: number(latitude)? };
    let is_within = |value: f64, max: f64| (-max..=max).contains(&value);
    if !is_within(place.longitude, LONGITUDE_MAX) || !is_within(place.latitude, LATITUDE_MAX) {
        let Place { longitude, latitude } = place;
        return Err(error(format!("invalid longitude,latitude pair {longitude:.6},{latitude:.6}")));
    }
    Ok(place)
}

/// A distance as Redis prints it.
fn distance_text(value: f64) -> String {
    format!("{value:.4}")
}

pub fn geoadd(context: &mut Context<'_>) -> Result<(), WireError> {
    let mut adding = Adding::default();
    let mut at = 2;
    while let Some(word) = context.args.get(at) {
        match () {
            _ if is(word, "nx") => adding.if_absent = true,
            _ if is(word, "xx") => adding.if_present = true,
            _ if is(word, "ch") => adding.answers_changed = true,
            _ => break,
        }
        at += 1;
    }
    let rest = context.args.from(at);
    if rest.is_empty() || !rest.len().is_multiple_of(3) || (adding.if_absent && adding.if_present) {
        return Err(WireError::Syntax);
    }
    let element = |at: usize| -> Result<(f64, &[u8]), WireError> {
        let cell = encode(parse_place(&rest[at], &rest[at + 1])?, STEPS);
        Ok((cell.bits as f64, rest.get(at + 2).unwrap_or_default()))
    };
    let elements: Vec<(f64, &[u8])> = (0..rest.len()).step_by(3).map(element).collect::<Result<_, _>>()?;
    let room = room(elements.iter().map(|element| element.1));
    let (new, changed) =
        context.edit(context.arg(1), Kind::SortedSet, room, Adding::told, |set| adding.put_all(set, &elements))?;
    context.reply.integer((new + if adding.answers_changed { changed } else { 0 }) as i64);
    Ok(())
}

pub fn geopos(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let set = context.sorted_set(&mut guard, key)?;
    context.reply.array(context.args.len() - 2);
    for member in context.args.iter().skip(2) {
        match set.and_then(|set| set.score(member)) {
            Some(score) => coordinates(&mut context.reply, place_of(score)),
            None => context.reply.null_array(),
        }
    }
    Ok(())
}

/// As Redis prints coordinates for people: 17 decimals, without zeros at the end; in RESP3 as doubles.
fn coordinates(reply: &mut Reply<'_>, place: Place) {
    reply.array(2);
    for value in [place.longitude, place.latitude] {
        let text = format!("{value:.17}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        match reply.version() {
            Version::Resp2 => reply.bulk(text),
            Version::Resp3 => reply.raw(format!(",{text}\r\n").as_bytes()),
        }
    }
}

pub fn geodist(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let unit = match context.args.len() {
        4 => 1.0,
        5 => unit_of(context.arg(4))?,
        _ => return Err(WireError::Syntax),
    };
    let mut guard = context.lock(key);
    let set = context.sorted_set(&mut guard, key)?;
    let place = |at: usize| set.and_then(|set| set.score(&context.args[at])).map(place_of);
    match (place(2), place(3)) {
        (Some(one), Some(other)) => context.reply.bulk(distance_text(distance(one, other) / unit)),
        _ => context.reply.null(),
    }
    Ok(())
}

pub fn geohash(context: &mut Context<'_>) -> Result<(), WireError> {
    const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let set = context.sorted_set(&mut guard, key)?;
    context.reply.array(context.args.len() - 2);
    for member in context.args.iter().skip(2) {
        let Some(score) = set.and_then(|set| set.score(member)) else {
            context.reply.null();
            continue;
        };
        // The usual geohash has all latitudes. Of its 55 bits there are 52; the last character says nothing.
        let bits = encode_within(place_of(score), STEPS, 90.0).bits;
        let digit = |index: u32| if index == 10 { 0 } else { (bits >> (52 - (index + 1) * 5)) as usize & 31 };
        let text: Vec<u8> = (0..11).map(|index| ALPHABET[digit(index)]).collect();
        context.reply.bulk(text);
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Radius(f64),
    Box { width: f64, height: f64 },
}

impl Shape {
    /// How far a place is, if it is inside.
    fn distance(self, center: Place, place: Place) -> Option<f64> {
        match self {
            Shape::Radius(radius) => Some(distance(center, place)).filter(|distance| *distance <= radius),
            Shape::Box { width, height } => {
                let along_latitude =
                    EARTH_RADIUS_M * (place.latitude.to_radians() - center.latitude.to_radians()).abs();
                if along_latitude > height / 2.0 {
                    return None;
                }
                let beside = distance(place, Place { longitude: center.longitude, ..place });
                (beside <= width / 2.0).then(|| distance(center, place))
            }
        }
    }

    /// Half the sides of the box around it.
    fn extent(self) -> (f64, f64) {
        match self {
            Shape::Radius(radius) => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        }
    }

    fn radius(self) -> f64 {
        match self {
            Shape::Radius(radius) => radius,
            Shape::Box { width, height } => ((width / 2.0).powi(2) + (height / 2.0).powi(2)).sqrt(),
        }
    }

    /// Least and greatest coordinates of the box around it.
    fn bounds(self, center: Place) -> (Place, Place) {
        let (width, height) = self.extent();
        let latitude = (height / EARTH_RADIUS_M).to_degrees();
        let at = |latitude: f64| (width / EARTH_RADIUS_M / latitude.to_radians().cos()).to_degrees();
        let (top, bottom) = (at(center.latitude + latitude), at(center.latitude - latitude));
        // The side that is nearer to a pole is wider in degrees.
        let has_pole = center.latitude.abs() + latitude >= 90.0;
        let longitude = match center.latitude < 0.0 {
            _ if has_pole => 180.0,
            true => bottom,
            false => top,
        };
        let corner = |sign: f64| Place {
            longitude: center.longitude + sign * longitude,
            latitude: center.latitude + sign * latitude,
        };
        (corner(-1.0), corner(1.0))
    }

    /// The cells to look at, the center's first.
    fn cells(self, center: Place) -> Vec<Cell> {
        let (least, most) = self.bounds(center);
        let mut steps = steps_for(self.radius(), center.latitude);
        let mut cell = encode(center, steps);
        let covers = |cell: Cell| {
            let (low, high) = (cell.moved(-1, -1).area().0, cell.moved(1, 1).area().1);
            // Beside the edges of the map are cells of its other side.
            let wraps = |low: f64, high: f64, least: f64, most: f64| low > high || (low <= least && high >= most);
            let (center_low, center_high) = cell.area();
            let reaches_down = low.latitude <= least.latitude || low.latitude > center_low.latitude;
            let reaches_up = high.latitude >= most.latitude || high.latitude < center_high.latitude;
            let width = 3.0 * (center_high.longitude - center_low.longitude);
            let is_wide = width >= 360.0 || most.longitude - least.longitude <= width * 2.0 / 3.0;
            reaches_down
                && reaches_up
                && is_wide
                && (wraps(low.longitude, high.longitude, least.longitude, most.longitude) || width >= 360.0)
        };
        while steps > 1 && !covers(cell) {
            steps -= 1;
            cell = encode(center, steps);
        }
        let (low, high) = cell.area();
        let (mut south, mut north, mut west, mut east) = (true, true, true, true);
        if steps >= 2 {
            south = low.latitude >= least.latitude;
            north = high.latitude <= most.latitude;
            west = low.longitude >= least.longitude;
            east = high.longitude <= most.longitude;
        }
        let around = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)]
            .into_iter()
            .filter(|(x, y)| (*x <= 0 || east) && (*x >= 0 || west) && (*y <= 0 || north) && (*y >= 0 || south));
        let mut cells: Vec<Cell> = Vec::new();
        for (x, y) in around {
            let cell = cell.moved(x, y);
            // Of large cells several are the same one.
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        cells
    }
}

fn steps_for(radius: f64, latitude: f64) -> u32 {
    if radius == 0.0 {
        return STEPS;
    }
    let mut steps = 1i32;
    let mut reach = radius;
    while reach < MERCATOR_MAX {
        reach *= 2.0;
        steps += 1;
    }
    steps -= 2;
    // Near the poles a degree of longitude is short.
    if latitude.abs() > 66.0 {
        steps -= 1;
        if latitude.abs() > 80.0 {
            steps -= 1;
        }
    }
    steps.clamp(1, STEPS as i32) as u32
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    None,
    Nearest,
    Farthest,
}

/// Where a member is; none where there is no set at all.
type PlaceOf<'a> = dyn Fn(&[u8]) -> Result<Option<Place>, WireError> + 'a;

/// A search as it is asked for.
struct Search<'a> {
    center: Option<Place>,
    member: Option<&'a [u8]>,
    shape: Option<Shape>,
    unit: f64,
    order: Order,
    count: usize,
    takes_any: bool,
    with_place: bool,
    with_distance: bool,
    with_hash: bool,
    target: Option<&'a [u8]>,
    stores_distance: bool,
}

struct Found {
    member: Vec<u8>,
    score: f64,
    distance: f64,
    place: Place,
}

impl<'a> Search<'a> {
    fn new() -> Search<'a> {
        Search {
            center: None,
            member: None,
            shape: None,
            unit: 1.0,
            order: Order::None,
            count: 0,
            takes_any: false,
            with_place: false,
            with_distance: false,
            with_hash: false,
            target: None,
            stores_distance: false,
        }
    }

    fn radius(&mut self, radius: &[u8], unit: &[u8]) -> Result<(), WireError> {
        let radius = parse_double(radius).ok_or_else(|| error("need numeric radius"))?;
        if radius < 0.0 {
            return Err(error("radius cannot be negative"));
        }
        self.unit = unit_of(unit)?;
        self.shape = Some(Shape::Radius(radius * self.unit));
        Ok(())
    }

    /// Options from a place on. `is_search`: of GEOSEARCH, else of GEORADIUS.
    fn options(
        &mut self,
        args: Args<'a>,
        is_search: bool,
        may_store: bool,
        place_of_member: &PlaceOf<'_>,
    ) -> Result<(), WireError> {
        let mut at = 0;
        let stored_by_name = self.target.is_some();
        while let Some(word) = args.get(at) {
            let left = args.len() - at - 1;
            let arg = |index: usize| args.get(at + index).unwrap_or_default();
            match () {
                _ if is(word, "withdist") => self.with_distance = true,
                _ if is(word, "withhash") => self.with_hash = true,
                _ if is(word, "withcoord") => self.with_place = true,
                _ if is(word, "any") => self.takes_any = true,
                _ if is(word, "asc") => self.order = Order::Nearest,
                _ if is(word, "desc") => self.order = Order::Farthest,
                _ if is(word, "count") && left >= 1 => {
                    let count = parse_integer(arg(1)).ok_or(WireError::NotInteger)?;
                    self.count = usize::try_from(count)
                        .ok()
                        .filter(|count| *count > 0)
                        .ok_or_else(|| error("COUNT must be > 0"))?;
                    at += 1;
                }
                _ if !is_search && may_store && left >= 1 && (is(word, "store") || is(word, "storedist")) => {
                    self.target = Some(arg(1));
                    self.stores_distance = is(word, "storedist");
                    at += 1;
                }
                _ if is_search && left >= 1 && is(word, "frommember") && self.is_uncentered() => {
                    self.member = Some(arg(1));
                    self.center = place_of_member(arg(1))?;
                    at += 1;
                }
                _ if is_search && left >= 2 && is(word, "fromlonlat") && self.is_uncentered() => {
                    self.center = Some(parse_place(arg(1), arg(2))?);
                    at += 2;
                }
                _ if is_search && left >= 2 && is(word, "byradius") && self.shape.is_none() => {
                    self.radius(arg(1), arg(2))?;
                    at += 2;
                }
                _ if is_search && left >= 3 && is(word, "bybox") && self.shape.is_none() => {
                    let width = parse_double(arg(1)).ok_or_else(|| error("need numeric width"))?;
                    let height = parse_double(arg(2)).ok_or_else(|| error("need numeric height"))?;
                    if width < 0.0 || height < 0.0 {
                        return Err(error("height or width cannot be negative"));
                    }
                    self.unit = unit_of(arg(3))?;
                    self.shape = Some(Shape::Box { width: width * self.unit, height: height * self.unit });
                    at += 3;
                }
                _ if is_search && stored_by_name && is(word, "storedist") => self.stores_distance = true,
                _ => return Err(WireError::Syntax),
            }
            at += 1;
        }
        Ok(())
    }

    fn is_uncentered(&self) -> bool {
        self.center.is_none() && self.member.is_none()
    }

    fn run(&self, set: SortedSetRef<'_>, center: Place, shape: Shape) -> Vec<Found> {
        let mut found = Vec::new();
        for cell in shape.cells(center) {
            let (first, end) = cell.scores();
            let start = set.partition_point(|score, _| score < first);
            let end = set.partition_point(|score, _| score < end);
            set.each(start..end.max(start), |member, score| {
                let place = place_of(score);
                if let Some(distance) = shape.distance(center, place) {
                    found.push(Found { member: member.to_vec(), score, distance, place });
                }
                !(self.takes_any && self.count > 0 && found.len() >= self.count)
            });
            if self.takes_any && self.count > 0 && found.len() >= self.count {
                break;
            }
        }
        let order =
            if self.order == Order::None && self.count > 0 && !self.takes_any { Order::Nearest } else { self.order };
        match order {
            Order::None => {}
            Order::Nearest => found.sort_by(|one, other| one.distance.total_cmp(&other.distance)),
            Order::Farthest => found.sort_by(|one, other| other.distance.total_cmp(&one.distance)),
        }
        if self.count > 0 {
            found.truncate(self.count);
        }
        found
    }

    fn answer(self, context: &mut Context<'_>, key: &[u8]) -> Result<(), WireError> {
        if self.target.is_some() && (self.with_distance || self.with_hash || self.with_place) {
            let command = super::find(context.args).map_or("", |command| command.name);
            let option = if command.starts_with("georadius") { "STORE option in GEORADIUS" } else { "GEOSEARCHSTORE" };
            return Err(error(format!("{option} is not compatible with WITHDIST, WITHHASH and WITHCOORD options")));
        }
        if self.takes_any && self.count == 0 {
            return Err(error("the ANY argument requires COUNT argument"));
        }
        let found = {
            let mut guard = context.lock(key);
            match context.sorted_set(&mut guard, key)? {
                None => Vec::new(),
                Some(set) => {
                    let inside = self.center.zip(self.shape).map(|(center, shape)| self.run(set, center, shape));
                    inside.unwrap_or_default()
                }
            }
        };
        if let Some(target) = self.target {
            let count = found.len();
            let (by_distance, unit) = (self.stores_distance, self.unit);
            let elements =
                found.into_iter().map(|of| (of.member, if by_distance { of.distance / unit } else { of.score }));
            let command = super::find(context.args).map_or("", |command| command.name);
            let event = if command.starts_with("georadius") { "georadiusstore" } else { "geosearchstore" };
            store(context, target, elements, event)?;
            context.reply.integer(count as i64);
            return Ok(());
        }
        context.reply.array(found.len());
        let options = usize::from(self.with_distance) + usize::from(self.with_hash) + usize::from(self.with_place);
        for of in found {
            if options > 0 {
                context.reply.array(1 + options);
            }
            context.reply.bulk(&of.member);
            if self.with_distance {
                context.reply.bulk(distance_text(of.distance / self.unit));
            }
            if self.with_hash {
                context.reply.integer(of.score as i64);
            }
            if self.with_place {
                coordinates(&mut context.reply, of.place);
            }
        }
        Ok(())
    }
}

/// Where a member is; none where there is no set at all.
fn place_in(context: &Context<'_>, key: &[u8], member: &[u8]) -> Result<Option<Place>, WireError> {
    let mut guard = context.lock(key);
    let Some(value) = context.value_unread(&mut guard, key) else { return Ok(None) };
    let set = value.as_sorted_set().ok_or(WireError::WrongType)?;
    let score = set.score(member).ok_or_else(|| error("could not decode requested zset member"))?;
    Ok(Some(place_of(score)))
}

/// Whether there is a set; what is of another type is refused before anything else.
fn is_there(context: &Context<'_>, key: &[u8]) -> Result<bool, WireError> {
    match context.value_unread(&mut context.lock(key), key) {
        Some(value) => value.as_sorted_set().map(|_| true).ok_or(WireError::WrongType),
        None => Ok(false),
    }
}

fn search(context: &mut Context<'_>, key_at: usize, target: Option<usize>) -> Result<(), WireError> {
    let name = String::from_utf8_lossy(context.arg(0)).into_owned();
    let key = context.arg(key_at);
    is_there(context, key)?;
    let mut search = Search { target: target.map(|at| context.arg(at)), ..Search::new() };
    search.options(context.args.from(key_at + 1), true, false, &|member| place_in(context, key, member))?;
    if search.is_uncentered() {
        return Err(error(format!("exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}")));
    }
    if search.shape.is_none() {
        return Err(error(format!("exactly one of BYRADIUS and BYBOX can be specified for {name}")));
    }
    search.answer(context, key)
}

pub fn geosearch(context: &mut Context<'_>) -> Result<(), WireError> {
    search(context, 1, None)
}

pub fn geosearchstore(context: &mut Context<'_>) -> Result<(), WireError> {
    search(context, 2, Some(1))
}

fn around_place(context: &mut Context<'_>, may_store: bool) -> Result<(), WireError> {
    let key = context.arg(1);
    is_there(context, key)?;
    let mut search = Search { center: Some(parse_place(context.arg(2), context.arg(3))?), ..Search::new() };
    search.radius(context.arg(4), context.arg(5))?;
    search.options(context.args.from(6), false, may_store, &|_| Ok(None))?;
    search.answer(context, key)
}

fn around_member(context: &mut Context<'_>, may_store: bool) -> Result<(), WireError> {
    let (key, member) = (context.arg(1), context.arg(2));
    let mut search = Search { member: Some(member), center: place_in(context, key, member)?, ..Search::new() };
    if search.center.is_some() {
        search.radius(context.arg(3), context.arg(4))?;
    }
    search.options(context.args.from(5), false, may_store, &|_| Ok(None))?;
    search.answer(context, key)
}

pub fn georadius(context: &mut Context<'_>) -> Result<(), WireError> {
    around_place(context, true)
}

pub fn georadius_ro(context: &mut Context<'_>) -> Result<(), WireError> {
    around_place(context, false)
}

pub fn georadiusbymember(context: &mut Context<'_>) -> Result<(), WireError> {
    around_member(context, true)
}

pub fn georadiusbymember_ro(context: &mut Context<'_>) -> Result<(), WireError> {
    around_member(context, false)
}
