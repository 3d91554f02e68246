package filter

// The tables below are small on purpose. They have a few hundred characters that people do write instead of others. The
// thousands of Unicode's confusables.txt would make words of other languages alike.

// costumes are characters that nobody writes words in but as a disguise: they are the letter in every respect.
var costumes = pairs(
	"ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz",
	"🅐🅑🅒🅓🅔🅕🅖🅗🅘🅙🅚🅛🅜🅝🅞🅟🅠🅡🅢🅣🅤🅥🅦🅧🅨🅩", "abcdefghijklmnopqrstuvwxyz",
	"🅰🅱🅲🅳🅴🅵🅶🅷🅸🅹🅺🅻🅼🅽🅾🅿🆀🆁🆂🆃🆄🆅🆆🆇🆈🆉", "abcdefghijklmnopqrstuvwxyz",
	"ƒıȷɑɡɩʋʌǝɐɥɯɹʇʍʎɔɟᴉꞁꭓ", "fijagiuveahmrtwycfilx",
	"➀➁➂➃➄➅➆➇➈❶❷❸❹❺❻❼❽❾⓵⓶⓷⓸⓹⓺⓻⓼⓽", "123456789123456789123456789",
)

// strokes are letters with a stroke or a hook, which Unicode does not take apart. Like other letters with marks they
// stand for the one without.
var strokes = pairs("øłđħŧƀȼɇɉɍɏƶⱥɨʉɓɗɠƙƥƭʈɖŋþƴʐɛ", "oldhtbcejryzaiubdgkpttdnpyze")

// lookalikes stand for a letter only together with letters that are it: "fuсk" has a Cyrillic с, but "сор" is Russian,
// and "455" a number.
var lookalikes = pairs(
	"авеёкмнопрстухцшьяіїјѕһԁԛԝѵӏғҝқңүұҳѡєԍґ", "abeekmhonpctyxuwbriijshdqwvlfkkhyyxwegr",
	"αβγεηικμνορτυχωϲϳσ", "abyenikuvoptuxwcjo",
	"օոսհցզ", "onuhgq",
	"0123456789", "oizeasgtbg",
	"@$€£¢¥§!|+¡", "aselcysiiti",
)

// pairs maps each character of an odd string to the one at the same place of the even string behind it.
func pairs(texts ...string) map[rune]rune {
	table := map[rune]rune{}
	for i := 0; i < len(texts); i += 2 {
		from, to := []rune(texts[i]), []rune(texts[i+1])
		if len(from) != len(to) {
			panic("BUG: " + texts[i] + " and " + texts[i+1] + " differ in length")
		}
		for j := range from {
			table[from[j]] = to[j]
		}
	}
	return table
}
