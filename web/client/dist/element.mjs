import{BarrageError as G}from"./barrage.mjs";function f(o,e=String){try{return e(o)}catch{return typeof o}}function m(o){return new G("invalid",o)}function E(o,e,t){let{seq:i,userId:n,id:s,ts:a}=o;return n?n!==e.userId||s!==e.id?!1:s.startsWith("~")||Math.abs(a-e.ts)<=(s?12e4:0):t&&i>0&&i===e.seq}var T=/:([A-Za-z0-9_+-]{1,32}):/g;var b=class{#t;#e;#n=new Map;#i=new Map;#s=!1;constructor(e,t){this.#t=e,this.#e=t}async load(){if(!this.#s){this.#s=!0;try{let e=i=>new URL(i,this.#t).href,t=await(await fetch(e("emotes"))).json();for(let i in t)
this.#i.set(i,e(t[i]));this.#i.size&&this.#e([...this.#i.keys()])}catch{setTimeout(()=>this.#s=!1,6e4)}}}in(e){let t=[];for(let i;i=T.exec(e);)this.#i.has(i[1])?t.push([i.index,T.lastIndex,i[1]]):(T.lastIndex--,
this.load());return t}image(e,t="emote"){let i=new Image;return i.className=t,i.alt=i.title=`:${e}:`,i.crossOrigin="",i.src=this.#i.get(e),i}of(e){let t=this.#n.get(e)??this.image(e);return this.#n.set(
e,t),t.complete&&t.naturalWidth>0?t:void 0}};var J=/[\u202a-\u202e\u2066-\u2069]/g,K=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function g(o){return o.replace(J,"")}function v(o){let e=g(o);return K.
test(e)?`⁨${e}⁩`:e}var Z=64,U=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function q({user:o,userId:e}){let t=o?.name;return typeof t!="string"?g(e):[...t.replace(/\s+/g," ").replace(U,"").
trim()].slice(0,Z).join("").trim()||g(e)}function $(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var y=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},k=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function j(o,e){return o.from-o.speed*(e-o.at)}var R=4,M=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/R)}clear(){this.last.fill(void 0)}place(e,t,i,n=0){
let s=Math.ceil(e.height/R),a=this.width+n;for(let r=0;r+s<=this.strips;r+=s){if(this.firstTaken(r,s,a,t,i)>=0)continue;let d={...e,speed:t,from:a,at:i,top:r*R};for(let l=r;l<r+s;l++)this.last[l]=d;return d}}firstTaken(e,t,i,n,s){
let a;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===a||!h)){if(!this.staysBehind(h,i,n,s))return r;a=h}}return-1}staysBehind(e,t,i,n){let s=j(e,n)+e.width+this.gap;return s>t?!1:s<=0||i<=e.speed?
!0:t-i*(s/e.speed)>=0}};var Q=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],L=1.4,A=12,x=60,V=120,X=900,Y=8e3,S=class{constructor(e){this.canvas=e;this.context=
e.getContext("2d")}canvas;tracks=new M(A);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;blank=!0;offered=new y;shown=new y;pictures;look={family:"sans-serif",times:1,speed:1};resize(){
let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),this.canvas.height=Math.round(t*this.scale),
this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()}),this.waiting.length<=V)return;let t=this.waiting.findIndex(i=>i.comment.look!=="mine");this.
waiting.splice(Math.max(0,t),1)}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.message)&&(t.sprite.width=1)}clear(){this.waiting=[],this.flyers=
[],this.tracks.clear()}draw(e){this.launch(e);let{context:t,scale:i}=this;this.blank||t.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===0;let n=0;for(let s of this.
flyers){let a=j(s.flight,e);if(a+s.flight.width<0){this.spare.length<64&&this.spare.push(s.sprite);continue}this.flyers[n++]=s,a<this.width&&t.drawImage(s.sprite,a*i,s.flight.top*i+4*i)}this.flyers.length=
n}launch(e){if(this.waiting=this.waiting.filter(r=>e-r.since<(r.comment.look==="mine"?Y:X)),!this.waiting.length||!this.width)return;let t=this.density(e),i=Math.max(2,Math.ceil(this.waiting.length/6)),
n=4,s=r=>+(r.comment.look==="mine"),a=this.waiting.sort((r,h)=>s(h)-s(r));this.waiting=[];for(let r of a)i>0&&n>0&&this.fly(r.comment,t,e)?i--:(n--,this.waiting.push(r))}get base(){return .05+this.width/
12e3}fly(e,{font:t,track:i,speed:n},s){let a=this.partsOf(te(e));this.context.font=`600 ${t}px ${this.look.family}`;let r=Math.ceil(a.reduce((l,c)=>l+this.widthOf(c,t),0))+I(e,t)*2,h=1+.3*Math.min(1,r/
this.width),d=this.tracks.place({width:r,height:i},this.base*n*h,s,Math.random()*60);return d?(this.ems+=(r/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:d,sprite:this.paint(e,a,
t,d)}),!0):!1}density(e){let t=this.offered.perSecond(e),{times:i,speed:n}=this.look,s=Q.map(({font:r,track:h,speed:d})=>({font:r*i,track:h*i,speed:d*n}));return s.find(({font:r,track:h,speed:d})=>{let l=(this.
ems*r+A)/(this.base*d*1e3);return t<.75*Math.floor(this.height/h)/l})??s[s.length-1]}partsOf(e){let t=this.pictures?.in(e)??[],i=[];if(!t.length||v(e)!==e)return[e];let n=0;for(let[s,a,r]of t){let h=this.
pictures.of(r);h&&(i.push(e.slice(n,s),h),n=a)}return[...i,e.slice(n)].filter(s=>s!=="")}widthOf(e,t){return typeof e=="string"?this.context.measureText(e).width:L*t}paint(e,t,i,{width:n,height:s}){let a=this.
spare.pop()??document.createElement("canvas"),r=a.getContext("2d");a.width=Math.ceil(n*this.scale),a.height=Math.ceil(s*this.scale),r.scale(this.scale,this.scale),e.look!=="plain"&&(r.fillStyle=e.look===
"mine"?"rgb(82 70 214 / .62)":"rgb(160 96 0 / .62)",r.strokeStyle=e.look==="mine"?"#cfc9ff":"#ffd873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,n-2,s-2,s/2),r.fill(),r.stroke()),r.font=`600 ${i}px\
 ${this.look.family}`,r.textBaseline="middle",r.lineJoin="round",r.lineWidth=i/6,r.strokeStyle="rgb(8 6 24 / .72)",r.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.
hue})`;let h=s/2+1,d=L*i,l=I(e,i);for(let c of t)typeof c=="string"?(r.strokeText(c,l,h),r.fillText(c,l,h)):r.drawImage(c,l,h-d/2,d,d),l+=t.length>1?this.widthOf(c,i):0;return a}};function I(o,e){return o.
look==="plain"?3:e*.7}var ee=new Intl.Segmenter;function te({text:o,who:e}){return(e?`${v(e)} `:"")+v(ie(o))}function ie(o){let e=o.replace(/\s+/g," ");if(e.length<=x)return e;let t=[...ee.segment(e.slice(
0,4*x))].map(i=>i.segment);return t.length<=x?e:`${t.slice(0,x).join("")}…`}function H({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var z=30,se=22,F=1e3,B=600,ne=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: .2em; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-emote { height: 1.4em; vertical-align: middle; }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${B}ms var(--barrage-fade) both; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,C=class{#t;#e;#n;#i;#s;#a;#u=new k(z,2*z);#h;#o=[];#r=[];#d=[];#l=()=>"";#c=new b("",()=>{});#f=0;#g=-F;#m=!1;constructor(e,t={}){if(typeof e?.append!="function")throw m(`cannot make an overlay: its\
 place is ${f(e)}, want an element or a shadow root`);if(typeof t!="object"||t===null)throw m(`cannot make an overlay: the options are no object but ${f(t)}`);let{look:i="fly",lines:n=8,fadeMs:s=0,area:a=1,
size:r,font:h,accent:d,hide:l=()=>!1}=t;if(!["fly","list","both"].includes(i))throw m(`cannot make an overlay: look is ${f(i)}, want fly, list or both`);if(O("lines",n,1,100),O("fadeMs",s,0,36e5),O("a\
rea",a,.1,1),r!==void 0&&O("size",r,8,200),typeof l!="function")throw m(`cannot make an overlay: hide is no function but ${f(l)}`);this.#i=Math.floor(n),this.#s=s,this.#a=l;let c=this.#t=p("div",`barr\
age${s>0?" barrage-fades":""}`),D={size:r&&`${r}px`,font:h,accent:d,fade:`${s}ms`,area:t.area&&String(a)};for(let[u,w]of Object.entries(D))w&&c.style.setProperty(`--barrage-${u}`,w);if(i!=="list"){let u=p(
"canvas","barrage-sky");u.ariaHidden="true",c.append(u);let w=this.#e=new S(u);this.#h=new ResizeObserver(()=>w.resize()),this.#h.observe(u)}let _=globalThis.matchMedia?.("(prefers-reduced-motion: red\
uce)").matches;(i!=="fly"||_)&&c.append(this.#n=p("ol","barrage-list")),e.append(c),this.#f=requestAnimationFrame(u=>this.#y(u))}show(e){if(typeof e?.on!="function")throw m(`cannot show a room: it is ${f(
e)}, want a Room or a Replay`);this.clear(),this.#l=()=>e.epoch,this.#c=new b(e.url??"",()=>{for(let{node:i,message:n}of[...this.#o,...this.#r])this.#p(i.lastChild,n)}),this.#e&&(this.#e.pictures=this.#c);
let t=i=>this.#b(i);this.#d=[e.on("message",(i,{history:n})=>this.#w(i,e.epoch,n,e.date??Date.now())),e.on("recalled",i=>t((n,s)=>E(i,n,s===e.epoch))),e.on("purged",i=>t(n=>H(n,i))),e.on("cleared",i=>t(
(n,s)=>s!==i.epoch||n.seq<=i.seq))]}clear(){for(let e of this.#d.splice(0))e();this.#b(()=>!0),this.#e?.clear()}close(){this.clear(),cancelAnimationFrame(this.#f),this.#h?.disconnect(),this.#t.remove()}#w(e,t,i,n){
if(e.recalled||this.#a(e))return;let s=e.kind==="system",a=performance.now(),r=i?Math.max(0,n-e.ts):0;if(this.#n&&(this.#s===0||r<this.#s)&&(s||i||this.#u.take(a))&&(this.#r.push({message:e,epoch:t,node:this.#v(
e,r),endsAt:this.#s>0?a+this.#s-r+B:1/0}),this.#r.length>2*this.#i&&(this.#r=this.#r.slice(-this.#i))),i||document.hidden)return;let h=e.kind==="gift";this.#e?.add({message:e,text:e.body,...h?{who:q(e)}:
{},look:h||s?"gift":"plain",hue:$(e.userId)})}#v(e,t){let i=e.kind==="system",n=p("li",`barrage-row barrage-kind-${W(e.kind)}${i?" barrage-said":""}`),s=e.user?.role;typeof s=="string"&&s&&n.classList.
add(`barrage-role-${W(s)}`),n.style.setProperty("--barrage-hue",String($(e.userId))),t>0&&(n.style.animationDelay=`${this.#s-t}ms`),n.part.add("row"),i||n.append(p("b","barrage-name",q(e))," ");let a=p(
"span","barrage-text");return a.dir="auto",this.#p(a,e),n.append(a),n}#p(e,{body:t}){let i=g(t),n=0;e.textContent="";for(let[s,a,r]of this.#c.in(i))e.append(i.slice(n,s),this.#c.image(r,"barrage-emote")),
n=a;e.append(i.slice(n))}#b(e){let t=({message:i,epoch:n,node:s})=>e(i,n)?(s.remove(),!1):!0;this.#o=this.#o.filter(t),this.#r=this.#r.filter(t),this.#e?.drop(i=>e(i,this.#l()))}#k(){if(this.#m=this.#t.
isConnected,!this.#m||getComputedStyle(this.#t).position!=="static")return;let e=this.#t.getRootNode(),t=new CSSStyleSheet;t.replaceSync(`@layer barrage { ${ne} }`),e.adoptedStyleSheets=[...e.adoptedStyleSheets,
t]}#M(e,t){if(t-this.#g>=F){let{fontFamily:i,fontSize:n}=getComputedStyle(this.#t);e.look={family:i,times:parseFloat(n)/se,speed:1},this.#g=t}e.draw(performance.now())}#y(e){if(this.#f=requestAnimationFrame(
s=>this.#y(s)),this.#m||this.#k(),this.#e&&this.#M(this.#e,e),!this.#n)return;let t=this.#o.length>0&&this.#o[0].endsAt<=e;if(this.#r.length===0&&!t)return;let i=[...this.#o,...this.#r.splice(0)],n=i.
filter(({endsAt:s})=>s>e).slice(-this.#i);for(let s of i)n.includes(s)||s.node.remove();for(let{node:s}of n)s.isConnected||this.#n.append(s);this.#o=n}};function O(o,e,t,i){if(!(typeof e=="number"&&e>=
t&&e<=i))throw m(`cannot make an overlay: ${o} is ${f(e)}, want ${t} to ${i}`)}function W(o){return o.replace(/[^\w-]/g,"_").slice(0,32)}function p(o,e,t=""){let i=document.createElement(o);return i.className=
e,t&&(i.dir="auto",i.textContent=t),i}import{Room as re}from"./barrage.mjs";var oe=":host { display: block; position: relative; min-height: 1em; } :host([hidden]) { display: none; }",ae=["room","url","user-id","token","look","lines","fade",
"area","size","font","accent"],he=globalThis.HTMLElement??class{},P=class extends he{static observedAttributes=ae;#t;#e;#n;#i=!1;get live(){return this.#e}get getToken(){return this.#t}set getToken(e){
this.#t=e,this.#a()}connectedCallback(){this.#s(),this.#a()}disconnectedCallback(){this.#a()}attributeChangedCallback(){this.#a()}#s(){if(!Object.hasOwn(this,"getToken"))return;let e=this,t=e.getToken;
delete e.getToken,this.getToken=t}#a(){this.#i||(this.#i=!0,queueMicrotask(()=>{this.#i=!1,this.#h(),this.isConnected&&this.getAttribute("room")&&this.#u()}))}#u(){try{let e=this.#n=new C(this.#r(),this.#d()),
t=this.#e=new re(this.#l());e.show(t),t.on("error",i=>this.#o(i)),t.connect()}catch(e){this.#h(),this.#o(e)}}#h(){this.#n?.close(),this.#e?.close(),this.#n=this.#e=void 0}#o(e){this.dispatchEvent(new CustomEvent(
"barrage-error",{detail:e}))}#r(){if(this.shadowRoot)return this.shadowRoot;let e=this.attachShadow({mode:"open"}),t=new CSSStyleSheet;return t.replaceSync(oe),e.adoptedStyleSheets=[t],e}#d(){let e=(i,n=1)=>this.
hasAttribute(i)?Number(this.getAttribute(i))*n:void 0,t={look:this.getAttribute("look")??void 0,lines:e("lines"),fadeMs:e("fade",1e3),area:e("area"),size:e("size"),font:this.getAttribute("font")??void 0,
accent:this.getAttribute("accent")??void 0};return N(t)}#l(){let[e,t,i,n]=["room","url","user-id","token"].map(s=>this.getAttribute(s)??void 0);return N({room:e,url:t,userId:i,...this.#t?{getToken:this.#t}:
{token:n}})}};function N(o){return Object.fromEntries(Object.entries(o).filter(([,e])=>e!==void 0))}globalThis.customElements&&!customElements.get("barrage-room")&&customElements.define("barrage-room",
P);export{P as BarrageRoom};
