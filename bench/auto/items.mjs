// Exact-answer items, written for this measurement: an instruction, worked examples, a question, and the one line that
// is right. The first six items of a kind are measured; the other six are rated before that, where ratings are given.

const MEASURED = 6;

const pairs = (text) =>
	text
		.trim()
		.split('\n')
		.map((line) => line.split('|').map((part) => part.trim()));

function kind({ name, instruction, asked, answered, examples, items }) {
	const shown = pairs(examples).map(([input, output]) => `${asked}: ${input}\n${answered}: ${output}\n\n`);
	return pairs(items).map(([input, wanted], place) => ({
		kind: name,
		isMeasured: place < MEASURED,
		prompt: `${instruction}\n\n${shown.join('')}${asked}: ${input}\n${answered}:`,
		wanted,
	}));
}

/** Every item of every kind. */
export const items = [
	kind({
		name: 'arithmetic',
		instruction: 'Add the two numbers.',
		asked: 'Sum',
		answered: 'Result',
		examples: `2 + 3 | 5
      14 + 5 | 19
      20 + 30 | 50`,
		items: `4 + 5 | 9
      12 + 6 | 18
      31 + 8 | 39
      25 + 40 | 65
      7 + 8 | 15
      43 + 22 | 65
      6 + 3 | 9
      11 + 7 | 18
      50 + 20 | 70
      9 + 9 | 18
      34 + 15 | 49
      62 + 5 | 67`,
	}),
	kind({
		name: 'extraction',
		instruction: 'Extract the e-mail address from the text.',
		asked: 'Text',
		answered: 'E-mail',
		examples: `Write to Ann at ann.lee@mail.com before Monday. | ann.lee@mail.com
      Our office: info@shop.org, open daily. | info@shop.org`,
		items: `Please send the plans to vera@bau.de by Friday. | vera@bau.de
      The club (judo@club.cz) meets on Tuesdays. | judo@club.cz
      For refunds ask money.back@store.eu only. | money.back@store.eu
      Her new address is lotte_h@isle.dk from June. | lotte_h@isle.dk
      Call first, or mail the vet at paws@vet.ie now. | paws@vet.ie
      Applications: talent@mill.fi, no later than May. | talent@mill.fi
      Ask nico@atelier.fr about the lamp. | nico@atelier.fr
      The choir answers at sing@hall.no quickly. | sing@hall.no
      Mail a photo to team@kite.pt by noon. | team@kite.pt
      Reports go to boss.two@firm.at each week. | boss.two@firm.at
      The baker, bread@oven.it, delivers early. | bread@oven.it
      Questions reach me via omar@desk.ma today. | omar@desk.ma`,
	}),
	kind({
		name: 'classification',
		instruction: 'Classify the review as positive or negative.',
		asked: 'Review',
		answered: 'Sentiment',
		examples: `I love this phone, it works great. | positive
      Terrible, it broke after one day. | negative
      What a wonderful book. | positive
      The room was dirty and loud. | negative`,
		items: `The lamp is beautiful and bright. | positive
      It never worked, I sent it back. | negative
      A kind host and a great breakfast. | positive
      Slow, ugly and far too expensive. | negative
      My favourite café in the whole city. | positive
      The worst film I have ever seen. | negative
      Superb boots, warm and light. | positive
      The battery died within an hour. | negative
      We laughed all evening. | positive
      Cold soup and a rude waiter. | negative
      Easy to use and very quiet. | positive
      The paint came off after a week. | negative`,
	}),
	kind({
		name: 'json',
		instruction: 'Extract name, age and city as JSON.',
		asked: 'Record',
		answered: 'JSON',
		examples: `Ann, 31, Paris | {"name":"Ann","age":31,"city":"Paris"}
      Bob, 45, Rome | {"name":"Bob","age":45,"city":"Rome"}`,
		items: `Eva, 28, Berlin | {"name":"Eva","age":28,"city":"Berlin"}
      Max, 60, Oslo | {"name":"Max","age":60,"city":"Oslo"}
      Lia, 19, Madrid | {"name":"Lia","age":19,"city":"Madrid"}
      Kim, 37, Seoul | {"name":"Kim","age":37,"city":"Seoul"}
      Ivo, 41, Prague | {"name":"Ivo","age":41,"city":"Prague"}
      Zoe, 23, Vienna | {"name":"Zoe","age":23,"city":"Vienna"}
      Ken, 66, Tokyo | {"name":"Ken","age":66,"city":"Tokyo"}
      Mia, 34, Dublin | {"name":"Mia","age":34,"city":"Dublin"}
      Leo, 29, Lisbon | {"name":"Leo","age":29,"city":"Lisbon"}
      Pia, 55, Zurich | {"name":"Pia","age":55,"city":"Zurich"}
      Jan, 33, Warsaw | {"name":"Jan","age":33,"city":"Warsaw"}
      Amy, 26, Sydney | {"name":"Amy","age":26,"city":"Sydney"}`,
	}),
	kind({
		name: 'dates',
		instruction: 'Rewrite the date as day.month.year.',
		asked: 'Date',
		answered: 'Rewritten',
		examples: `2021-03-14 | 14.03.2021
      1999-12-01 | 01.12.1999
      2010-07-30 | 30.07.2010`,
		items: `2024-05-17 | 17.05.2024
      1987-11-09 | 09.11.1987
      2003-02-28 | 28.02.2003
      2016-08-21 | 21.08.2016
      1975-10-05 | 05.10.1975
      2030-01-12 | 12.01.2030
      2019-06-25 | 25.06.2019
      1964-04-18 | 18.04.1964
      2008-09-03 | 03.09.2008
      2022-12-31 | 31.12.2022
      1993-03-11 | 11.03.1993
      2012-07-06 | 06.07.2012`,
	}),
].flat();

/** Whether an answer's first line is the expected one. */
export const isRight = (item, text) => text.trim().split('\n')[0].trim() === item.wanted;
