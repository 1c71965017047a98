// Exact-answer tasks: a few worked examples, then the question; right is the expected line and nothing else.
// Each kind has items to calibrate on and others to be measured on.

const pairs = (text) =>
	text
		.trim()
		.split('\n')
		.map((line) => line.split('|').map((part) => part.trim()));

const CALIBRATION_ITEMS = 6;

function kind({ name, task, asked, answered, shots, items }) {
	const examples = pairs(shots)
		.map(([input, output]) => `${asked}: ${input}\n${answered}: ${output}\n\n`)
		.join('');
	const made = items.map(([input, wanted]) => ({
		kind: name,
		task,
		prompt: `${examples}${asked}: ${input}\n${answered}:`,
		wanted,
	}));
	return { name, task, calibration: made.slice(0, CALIBRATION_ITEMS), measured: made.slice(CALIBRATION_ITEMS) };
}

const record = ([name, age, city]) => [`${name}, ${age}, ${city}`, JSON.stringify({ name, age: Number(age), city })];

/** Every kind of checkable work. */
export const kinds = [
	kind({
		name: 'sentiment',
		task: 'classify',
		asked: 'Review',
		answered: 'Sentiment',
		shots: `I love this phone, it works great. | positive
      Terrible, it broke after one day. | negative
      What a wonderful book. | positive`,
		items: pairs(`The food was awful and cold. | negative
      Best holiday we ever had. | positive
      I want my money back. | negative
      The staff were kind and helpful. | positive
      A boring film, I fell asleep. | negative
      Works perfectly, highly recommended. | positive
      The worst service in town. | negative
      My children adore this game. | positive
      It stopped working within a week. | negative
      Delicious cake and lovely music. | positive
      A dirty room and a rude host. | negative
      Fast delivery and a beautiful box. | positive
      Never again, what a waste of time. | negative
      The garden is charming and quiet. | positive
      The shoes hurt and fell apart. | negative
      A brilliant concert, we danced all night. | positive
      Bad sound and a broken screen. | negative
      Excellent value, very happy. | positive
      The soup was disgusting. | negative
      The teacher is patient and clear. | positive`),
	}),
	kind({
		name: 'capital',
		task: 'general',
		asked: 'Country',
		answered: 'Capital',
		shots: `France | Paris
      Japan | Tokyo
      Egypt | Cairo`,
		items: pairs(`Italy | Rome
      Spain | Madrid
      Germany | Berlin
      Russia | Moscow
      China | Beijing
      Greece | Athens
      Portugal | Lisbon
      Poland | Warsaw
      Austria | Vienna
      Sweden | Stockholm
      Norway | Oslo
      Finland | Helsinki
      Denmark | Copenhagen
      Ireland | Dublin
      Hungary | Budapest
      Belgium | Brussels
      Cuba | Havana
      Turkey | Ankara
      Thailand | Bangkok
      Peru | Lima`),
	}),
	kind({
		name: 'opposite',
		task: 'general',
		asked: 'Word',
		answered: 'Opposite',
		shots: `hot | cold
      big | small
      up | down`,
		items: pairs(`left | right
      day | night
      good | bad
      open | closed
      young | old
      fast | slow
      high | low
      black | white
      happy | sad
      early | late
      rich | poor
      wet | dry
      long | short
      full | empty
      hard | soft
      strong | weak
      light | dark
      inside | outside
      before | after
      true | false`),
	}),
	kind({
		name: 'plural',
		task: 'general',
		asked: 'One',
		answered: 'Many',
		shots: `cat | cats
      box | boxes
      child | children`,
		items: pairs(`dog | dogs
      bus | buses
      man | men
      city | cities
      foot | feet
      tree | trees
      dish | dishes
      knife | knives
      car | cars
      woman | women
      tooth | teeth
      glass | glasses
      baby | babies
      wolf | wolves
      mouse | mice
      church | churches
      table | tables
      lady | ladies
      leaf | leaves
      brush | brushes`),
	}),
	kind({
		name: 'record',
		task: 'extract',
		asked: 'Record',
		answered: 'JSON',
		shots: `Ann, 31, Paris | {"name":"Ann","age":31,"city":"Paris"}
      Bob, 45, Rome | {"name":"Bob","age":45,"city":"Rome"}`,
		items: pairs(`Eva|28|Berlin
      Max|60|Oslo
      Lia|19|Madrid
      Tom|52|London
      Kim|37|Seoul
      Ivo|41|Prague
      Zoe|23|Vienna
      Ken|66|Tokyo
      Mia|34|Dublin
      Leo|29|Lisbon
      Ida|71|Bergen
      Sam|48|Boston
      Pia|55|Zurich
      Jan|33|Warsaw
      Amy|26|Sydney
      Rob|39|Dallas
      Eli|44|Haifa
      Una|58|Cork
      Tim|21|Leeds
      Fay|62|Lyon`).map(record),
	}),
	kind({
		name: 'e-mail',
		task: 'extract',
		asked: 'Text',
		answered: 'E-mail',
		shots: `Write to Ann at ann.lee@mail.com before Monday. | ann.lee@mail.com
      Our office: info@shop.org, open daily. | info@shop.org`,
		items: pairs(`Please contact bob@example.net about the invoice. | bob@example.net
      Questions? Ask support@acme.io today. | support@acme.io
      Carla (carla.diaz@uni.edu) leads the team. | carla.diaz@uni.edu
      Send the parcel, then mail dan@post.de. | dan@post.de
      The address is eve_99@web.fr, she said. | eve_99@web.fr
      Forward this to jobs@firm.co.uk please. | jobs@firm.co.uk
      I am at max.k@home.at all week. | max.k@home.at
      Reach Zoe via zoe@lab.ch or by phone. | zoe@lab.ch
      Orders go to sales@garden.nl every Friday. | sales@garden.nl
      My new address is tim.burke@sea.ie from May. | tim.burke@sea.ie
      Ask the editor, press@daily.se, for a copy. | press@daily.se
      For tickets write to box@opera.it or call. | box@opera.it
      Mail your photo to contest@zoo.dk by June. | contest@zoo.dk
      Olga uses olga@river.pl at work. | olga@river.pl
      Send bills to pay@water.be only. | pay@water.be
      The club answers at chess@town.fi quickly. | chess@town.fi
      Ring first, then write to help@bike.no. | help@bike.no
      Lena, lena.wolf@art.lu, paints portraits. | lena.wolf@art.lu
      Complaints reach us at care@hotel.pt. | care@hotel.pt
      Write to rob@farm.nz about the sheep. | rob@farm.nz`),
	}),
	kind({
		name: 'count on',
		task: 'general',
		asked: 'Numbers',
		answered: 'Next',
		shots: `1, 2, 3 | 4
      5, 6, 7 | 8
      2, 3, 4 | 5`,
		items: [3, 6, 11, 20, 7, 14, 30, 8, 4, 9, 12, 15, 21, 24, 10, 13, 16, 22, 25, 17].map((from) => [
			`${from}, ${from + 1}, ${from + 2}`,
			`${from + 3}`,
		]),
	}),
	kind({
		name: 'year',
		task: 'extract',
		asked: 'Text',
		answered: 'Year',
		shots: `The bridge was built in 1932 and painted red. | 1932
      She moved to Rome in 2004 with her family. | 2004`,
		items: pairs(`The war ended in 1945. | 1945
      Founded in 1876, the club is old. | 1876
      He was born in 1990 in Lyon. | 1990
      In 2012 they opened a second shop. | 2012
      The book of 1851 is about a whale. | 1851
      They met in 1968 at a concert. | 1968
      By 2020 it had closed. | 2020
      A storm in 1703 sank many ships. | 1703
      The tower fell in 1902 at night. | 1902
      Her first film came out in 1987. | 1987
      Since 1999 the road is closed. | 1999
      The king died in 1715 at home. | 1715
      A school opened here in 1924. | 1924
      They won the cup in 2008 again. | 2008
      In 1889 the fair drew crowds. | 1889
      The station dates from 1911. | 1911
      He left the army in 1956. | 1956
      The law of 2016 changed that. | 2016
      A fire in 1666 burned the city. | 1666
      The canal was dug in 1843. | 1843`),
	}),
];

/** Work whose words nobody can check: it only loads and pushes out. */
export const draft = (model, number) => ({
	kind: 'draft',
	task: 'general',
	prompt: `Draft ${number}: a note about the sea.`,
	model,
});

/** Whether an answer is the expected line. */
export const isRight = (item, text) => text.trim().split('\n')[0].trim() === item.wanted;
